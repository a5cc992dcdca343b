#pragma once

#include <string>

#include "base/ids.hpp"
#include "images/bundles/object_name.hpp"

namespace kiln::launcher {

struct BundleInstanceRequest {
    InstanceId instance;
    images::ObjectPrefix bundle;
};

}  // namespace kiln::launcher
