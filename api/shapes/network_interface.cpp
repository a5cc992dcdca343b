#include "api/shapes/network_interface.hpp"

#include <algorithm>

#include "api/shapes/common.hpp"
#include "base/clock.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/network/network_plan.hpp"

namespace kiln::api {

namespace {

using View = InterfaceView;

std::string attachment_id(const View& view) {
    const std::string& id = view.interface.id.str();
    return "eni-attach-" + id.substr(id.find('-') + 1);
}

const Structure<images::Address>& association_structure() {
    using images::Address;
    static const auto structure =
        Structure<Address>()
            .text("PublicIp", "publicIp",
                  [](const Address& a) { return to_text(a.public_address); })
            .text("PublicDnsName", "publicDnsName", [](const Address&) { return ""; })
            .text("IpOwnerId", "ipOwnerId", [](const Address& a) { return a.owner.str(); })
            .text("AllocationId", "allocationId", [](const Address& a) { return a.id.str(); })
            .text("AssociationId", "associationId",
                  [](const Address& a) { return a.association->id.str(); });
    return structure;
}

std::optional<images::Address> association_of(const View& view) {
    if (view.addresses.empty()) return std::nullopt;
    return view.addresses.front();
}

const Structure<View>& private_address_structure() {
    static const auto structure =
        Structure<View>()
            .structure("Association", "association", association_structure(), association_of)
            .boolean("Primary", "primary", [](const View&) { return true; })
            .text("PrivateDnsName", "privateDnsName",
                  [](const View& v) { return launcher::private_dns_name(v.interface); })
            .text("PrivateIpAddress", "privateIpAddress",
                  [](const View& v) { return to_text(v.interface.address); });
    return structure;
}

Structure<View> attachment_structure(bool with_instance) {
    Structure<View> structure;
    structure.text("AttachmentId", "attachmentId", attachment_id)
        .text("AttachTime", "attachTime",
              [](const View& v) { return format_time(v.interface.attached); })
        .boolean("DeleteOnTermination", "deleteOnTermination", [](const View&) { return true; })
        .integer("DeviceIndex", "deviceIndex", [](const View&) { return std::int64_t{0}; })
        .text("Status", "status", [](const View&) { return "attached"; });
    if (!with_instance) return structure;
    structure
        .text("InstanceId", "instanceId", [](const View& v) { return v.interface.instance.str(); })
        .text("InstanceOwnerId", "instanceOwnerId",
              [](const View& v) { return v.interface.owner.str(); });
    return structure;
}

Structure<View> interface_structure(bool with_instance) {
    Structure<View> s;
    s.text("NetworkInterfaceId", "networkInterfaceId",
           [](const View& v) { return v.interface.id.str(); })
        .text("SubnetId", "subnetId", [](const View& v) { return v.interface.subnet.str(); })
        .text("VpcId", "vpcId", [](const View& v) { return v.vpc.str(); })
        .text("Description", "description", [](const View&) { return ""; })
        .text("OwnerId", "ownerId", [](const View& v) { return v.interface.owner.str(); })
        .text("Status", "status", [](const View&) { return "in-use"; })
        .text("MacAddress", "macAddress", [](const View& v) { return v.interface.mac_address; })
        .text("PrivateIpAddress", "privateIpAddress",
              [](const View& v) { return to_text(v.interface.address); })
        .text("PrivateDnsName", "privateDnsName",
              [](const View& v) { return launcher::private_dns_name(v.interface); })
        .structure("Association", "association", association_structure(), association_of)
        .boolean("SourceDestCheck", "sourceDestCheck", [](const View&) { return true; })
        .text("InterfaceType", "interfaceType", [](const View&) { return "interface"; })
        .list(
            "Groups", "groupSet", group_name_structure(),
            [](const View& v) -> const auto& { return v.groups; })
        .structure("Attachment", "attachment", attachment_structure(with_instance),
                   [](const View& v) { return v; })
        .list("PrivateIpAddresses", "privateIpAddressesSet", private_address_structure(),
              [](const View& v) { return std::vector<View>{v}; });
    if (with_instance) {
        s.text("AvailabilityZone", "availabilityZone",
               [](const View& v) { return v.interface.zone; })
            .list(
                "TagSet", "tagSet", tag_structure(),
                [](const View& v) -> const auto& { return v.tags; });
    }
    return s;
}

}  // namespace

std::optional<std::string> InterfaceView::public_address() const {
    if (addresses.empty()) return std::nullopt;
    return to_text(addresses.front().public_address);
}

const Structure<InterfaceView>& network_interface_structure() {
    static const auto structure = interface_structure(true);
    return structure;
}

const Structure<InterfaceView>& instance_interface_structure() {
    static const auto structure = interface_structure(false);
    return structure;
}

std::map<InstanceId, InterfaceView> load_interface_views(Session& session,
                                                         const images::Scope& scope) {
    std::map<InstanceId, InterfaceView> views;
    const auto vpc = images::find_vpc(session, scope.region);
    if (!vpc) return views;
    std::map<SecurityGroupId, std::string> names;
    for (const images::SecurityGroup& group : images::list_security_groups(session, scope))
        names.emplace(group.id, group.name);
    const auto addresses = images::list_addresses(session, scope);
    for (images::NetworkInterface& interface : images::list_network_interfaces(session, scope)) {
        InterfaceView view{.interface = std::move(interface), .vpc = vpc->id};
        for (const SecurityGroupId& group : view.interface.groups) {
            const auto name = names.find(group);
            view.groups.push_back(
                {.id = group.str(), .name = name == names.end() ? "" : name->second});
        }
        for (const images::Address& address : addresses) {
            const bool is_here =
                address.association && address.association->interface == view.interface.id;
            if (is_here) view.addresses.push_back(address);
        }
        std::ranges::stable_sort(view.addresses, {}, [](const images::Address& address) {
            return address.ports.has_value();
        });
        const InstanceId instance = view.interface.instance;
        views.emplace(instance, std::move(view));
    }
    return views;
}

const Structure<images::MetadataOptions>& metadata_options_structure() {
    using Options = images::MetadataOptions;
    static const auto structure =
        Structure<Options>()
            .text("State", "state", [](const Options&) { return "applied"; })
            .text("HttpTokens", "httpTokens",
                  [](const Options& o) { return o.tokens_required ? "required" : "optional"; })
            .integer("HttpPutResponseHopLimit", "httpPutResponseHopLimit",
                     [](const Options& o) { return std::int64_t{o.hop_limit}; })
            .text("HttpEndpoint", "httpEndpoint",
                  [](const Options& o) { return o.enabled ? "enabled" : "disabled"; })
            .text("HttpProtocolIpv6", "httpProtocolIpv6", [](const Options&) { return "disabled"; })
            .text("InstanceMetadataTags", "instanceMetadataTags",
                  [](const Options& o) { return o.has_tags ? "enabled" : "disabled"; });
    return structure;
}

std::vector<Parameter> metadata_options_parameters() {
    const std::vector<std::string> on_or_off{"enabled", "disabled"};
    return {{.name = "HttpEndpoint",
             .wire = "HttpEndpoint",
             .help = "Whether the metadata service answers at all; default enabled",
             .choices = on_or_off},
            {.name = "HttpTokens",
             .wire = "HttpTokens",
             .help = "Whether each request needs a token (IMDSv2); default optional, or what the "
                     "image asks for",
             .choices = {"optional", "required"}},
            {.name = "HttpPutResponseHopLimit",
             .wire = "HttpPutResponseHopLimit",
             .shape = Shape::integer,
             .help = "How many network hops a token may travel: 1 to 64; default 1"},
            {.name = "HttpProtocolIpv6",
             .wire = "HttpProtocolIpv6",
             .help = "Only disabled: guests have IPv4 alone",
             .choices = {"disabled"}},
            {.name = "InstanceMetadataTags",
             .wire = "InstanceMetadataTags",
             .help = "Whether the instance is told its tags; default disabled",
             .choices = on_or_off}};
}

launcher::MetadataOptionsChange metadata_options_of(const Arguments& arguments) {
    const auto is = [&](const char* wire, const char* word) -> std::optional<bool> {
        const auto text = arguments.text(wire);
        if (!text) return std::nullopt;
        return *text == word;
    };
    launcher::MetadataOptionsChange change{.enabled = is("HttpEndpoint", "enabled"),
                                           .tokens_required = is("HttpTokens", "required"),
                                           .has_tags = is("InstanceMetadataTags", "enabled")};
    if (const auto hops = arguments.integer("HttpPutResponseHopLimit")) {
        constexpr std::int64_t beyond_all_limits = 1000;
        change.hop_limit = static_cast<int>(std::clamp<std::int64_t>(*hops, -1, beyond_all_limits));
    }
    return change;
}

}  // namespace kiln::api
