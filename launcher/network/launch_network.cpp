#include "launcher/network/launch_network.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "hypervisor/network/network_spec.hpp"
#include "images/catalog/security_group.hpp"

namespace kiln::launcher {

namespace {

constexpr int hop_limit_of_such_images = 2;
constexpr int max_hop_limit = 64;

images::Subnet get_subnet(Session& session, const std::string& region, const SubnetId& id) {
    auto subnet = images::find_subnet(session, id);
    if (subnet && subnet->region == region) return *subnet;
    throw Error("InvalidSubnetID.NotFound", id.str(),
                fmt::format("The subnet ID '{}' does not exist", id.str()));
}

SecurityGroupId group_named(Session& session, const images::Caller& caller,
                            const std::string& name) {
    const auto group = images::find_security_group(session, caller.scope(), name);
    if (group) return group->id;
    throw Error("InvalidGroup.NotFound", name,
                fmt::format("The security group '{}' does not exist", name));
}

Ipv4Address check_address(Session& session, const images::Subnet& subnet, const std::string& text) {
    const auto address = parse_ipv4_address(text);
    if (!address) {
        throw Error(
            error_code::invalid_parameter_value, text,
            fmt::format("Invalid value '{}' for PrivateIpAddress: expecting an IPv4 address "
                        "of the subnet's range {}",
                        text, to_text(subnet.range)));
    }
    const auto usable = [&](Ipv4Address candidate) {
        return candidate >= subnet.range.at(images::reserved_at_start) &&
               candidate < subnet.range.at(subnet.range.size() - images::reserved_at_end);
    };
    if (!usable(*address)) {
        throw Error(error_code::invalid_parameter_value, text,
                    fmt::format("Address {} does not fall within the subnet's address range {}, of "
                                "which the first four and the last are reserved",
                                text, to_text(subnet.range)));
    }
    const auto taken = images::interface_at(session, subnet.region, *address);
    if (!taken) return *address;
    throw Error("InvalidIPAddress.InUse", text, fmt::format("Address {} is in use.", text));
}

}  // namespace

std::string network_digest(const RunInstancesRequest& request) {
    nlohmann::json parts = nlohmann::json::array();
    if (request.subnet) parts.push_back(request.subnet->str());
    for (const SecurityGroupId& group : request.security_groups)
        parts.push_back(group.str());
    for (const std::string& name : request.security_group_names)
        parts.push_back("name " + name);
    if (request.private_address) parts.push_back("address " + *request.private_address);
    const MetadataOptionsChange& options = request.metadata;
    if (options.enabled) parts.push_back({"enabled", *options.enabled});
    if (options.tokens_required) parts.push_back({"tokens", *options.tokens_required});
    if (options.hop_limit) parts.push_back({"hops", *options.hop_limit});
    if (options.has_tags) parts.push_back({"tags", *options.has_tags});
    return parts.empty() ? "" : parts.dump();
}

std::string requested_zone(Session& session, const images::Caller& caller,
                           const RunInstancesRequest& request) {
    if (!request.subnet) return request.zone;
    const images::Subnet subnet = get_subnet(session, caller.region, *request.subnet);
    if (request.zone.empty() || request.zone == subnet.zone) return subnet.zone;
    throw Error(error_code::invalid_parameter_value, request.zone,
                fmt::format("The subnet '{}' is in the zone {}, not in {}", subnet.id.str(),
                            subnet.zone, request.zone));
}

void check_user_networking(const RunInstancesRequest& request, const std::string& obstacle) {
    const bool asks = !request.security_groups.empty() || !request.security_group_names.empty() ||
                      request.private_address;
    if (!asks) return;
    throw Error(error_code::unsupported_operation, "SecurityGroupId",
                fmt::format("Security groups and private addresses need a network with a bridge, "
                            "and guests of this region have QEMU's user networking: {}. Leave the "
                            "parameters out: only 'kiln ssh' reaches such guests.",
                            obstacle));
}

images::Subnet subnet_of_zone(Session& session, const std::string& region,
                              const std::string& zone) {
    for (const images::Subnet& subnet : images::subnets_of_region(session, region)) {
        if (subnet.zone == zone) return subnet;
    }
    throw Error(error_code::internal_error, zone,
                fmt::format("the zone '{}' has no subnet: it was added to the region later", zone));
}

std::vector<SecurityGroupId> requested_groups(Session& session, const images::Caller& caller,
                                              const std::vector<SecurityGroupId>& ids,
                                              const std::vector<std::string>& names, Time now) {
    std::set<SecurityGroupId> groups;
    for (const SecurityGroupId& id : ids)
        groups.insert(images::get_security_group(session, caller.scope(), id).id);
    const auto default_group = images::default_security_group(session, caller.scope(), now);
    for (const std::string& name : names)
        groups.insert(group_named(session, caller, name));
    if (groups.empty()) groups.insert(default_group.id);
    if (groups.size() > max_groups_per_interface) {
        throw Error(
            "SecurityGroupsPerInterfaceLimitExceeded", "SecurityGroupId",
            fmt::format("an instance has at most {} security groups", max_groups_per_interface));
    }
    return {groups.begin(), groups.end()};
}

images::NetworkInterface new_interface(Session& session, const images::Instance& instance,
                                       const images::Subnet& subnet,
                                       const std::vector<SecurityGroupId>& groups,
                                       const std::optional<std::string>& wanted_address) {
    const Ipv4Address address = wanted_address ? check_address(session, subnet, *wanted_address)
                                               : images::next_free_address(session, subnet.id);
    return {.id = NetworkInterfaceId::generate(),
            .owner = instance.owner,
            .region = instance.region,
            .zone = instance.zone,
            .subnet = subnet.id,
            .instance = instance.id,
            .address = address,
            .mac_address = hypervisor::mac_address_of(address),
            .attached = instance.launched,
            .groups = groups};
}

images::MetadataOptions changed_metadata_options(images::MetadataOptions options,
                                                 const MetadataOptionsChange& change) {
    if (change.hop_limit && (*change.hop_limit < 1 || *change.hop_limit > max_hop_limit)) {
        throw Error(error_code::invalid_parameter_value, "HttpPutResponseHopLimit",
                    fmt::format("The HttpPutResponseHopLimit is from 1 to {}, not {}",
                                max_hop_limit, *change.hop_limit));
    }
    options.enabled = change.enabled.value_or(options.enabled);
    options.tokens_required = change.tokens_required.value_or(options.tokens_required);
    options.hop_limit = change.hop_limit.value_or(options.hop_limit);
    options.has_tags = change.has_tags.value_or(options.has_tags);
    return options;
}

images::MetadataOptions launch_metadata_options(const images::Image& image,
                                                const MetadataOptionsChange& change) {
    images::MetadataOptions options;
    if (image.imds_support == images::imds_tokens_alone) {
        options.tokens_required = true;
        options.hop_limit = hop_limit_of_such_images;
    }
    return changed_metadata_options(options, change);
}

}  // namespace kiln::launcher
