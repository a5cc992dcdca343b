#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "images/catalog/instance.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/volume.hpp"
#include "images/catalog/vpc.hpp"

namespace kiln::launcher {

/// All that an instance is told about itself.
struct MetadataSubject {
    images::Instance instance;
    images::NetworkInterface interface;
    images::Vpc vpc;
    images::Subnet subnet;
    std::optional<Ipv4Address> public_address;
    std::vector<std::string> group_names;  // in the order of the interface's groups
    std::vector<images::Volume> volumes;   // by device name
    std::vector<ImageId> ancestors;        // the nearest first
    std::string manifest_path;             // of an instance-store image, else empty
    std::vector<images::Tag> tags;
    std::vector<std::string> product_codes;
};

/// Values by their paths below meta-data/ ("placement/region"). What a directory lists follows from
/// them, except where there is an entry whose path ends in a slash: that is what is listed.
using MetadataTree = std::map<std::string, std::string, std::less<>>;

/// What EC2 tells instances, as far as kiln has it
/// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories);
/// a pure function.
MetadataTree metadata_tree(const MetadataSubject& subject);

/// The value at the path, or what the directory there lists, a name per line; nullopt: neither.
/// The path of a directory may end in a slash.
std::optional<std::string> look_up(const MetadataTree& tree, std::string_view path);

}  // namespace kiln::launcher
