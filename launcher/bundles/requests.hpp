#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "images/bundles/object_name.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::launcher {

struct BundleInstanceRequest {
    InstanceId instance;
    images::ObjectPrefix bundle;
};

/// An instance-store image of an EBS-backed one, at `bundle`; without it the other way round.
struct ConvertImageRequest {
    ImageId source;
    std::string name;
    std::string description;
    std::optional<images::ObjectPrefix> bundle;
    std::vector<images::Tag> image_tags;
    std::vector<images::Tag> snapshot_tags;
};

struct RestoreImageRequest {
    images::ObjectName object;
    std::string name;  // empty: as it was stored
    std::vector<images::Tag> image_tags;
    std::vector<images::Tag> snapshot_tags;
};

}  // namespace kiln::launcher
