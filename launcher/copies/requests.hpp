#pragma once

#include <string>
#include <vector>

#include "base/ids.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/encryption/keys.hpp"

namespace kiln::launcher {

/// What is copied comes from `source_region` into the region in which the caller calls.
struct CopyImageRequest {
    std::string source_region;
    ImageId source;
    std::string name;
    std::string description;
    /// Those of the caller alone, and not where `image_tags` has the key.
    bool copy_image_tags = false;
    std::vector<images::Tag> image_tags;
    std::vector<images::Tag> snapshot_tags;
    std::string client_token;
    EncryptionRequest encryption;
};

struct CopySnapshotRequest {
    std::string source_region;
    SnapshotId source;
    std::string description;  // empty: EC2's, which names the source
    std::vector<images::Tag> tags;
    EncryptionRequest encryption;
};

}  // namespace kiln::launcher
