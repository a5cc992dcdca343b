#pragma once

#include <string>

#include "base/ids.hpp"

namespace kiln::images {

/// Whose resources of which region a catalog function looks at. A resource of another account or
/// region is not found, exactly as if it did not exist.
struct Scope {
    AccountId owner;
    std::string region;
};

}  // namespace kiln::images
