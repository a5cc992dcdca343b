#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/output/structure.hpp"
#include "api/shapes/security_group.hpp"
#include "images/catalog/address.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln::api {

/// An interface with what is shown of it.
struct InterfaceView {
    images::NetworkInterface interface;
    VpcId vpc;
    std::vector<GroupName> groups;
    std::vector<images::Address> addresses;  // of the host, that are mapped to it
    std::vector<images::Tag> tags = {};      // where they are shown

    /// The one that is mapped whole, else the first; nullopt: none.
    std::optional<std::string> public_address() const;
};

/// As DescribeNetworkInterfaces shows it.
const Structure<InterfaceView>& network_interface_structure();
/// As DescribeInstances shows it.
const Structure<InterfaceView>& instance_interface_structure();
/// The caller's interfaces, by the ids of their instances.
std::map<InstanceId, InterfaceView> load_interface_views(Session& session,
                                                         const images::Scope& scope);

const Structure<images::MetadataOptions>& metadata_options_structure();
/// HttpEndpoint, HttpTokens, HttpPutResponseHopLimit and InstanceMetadataTags.
std::vector<Parameter> metadata_options_parameters();
launcher::MetadataOptionsChange metadata_options_of(const Arguments& arguments);

}  // namespace kiln::api
