#include "api/shapes/address.hpp"

#include <algorithm>

#include "api/shapes/common.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

using View = AddressView;
using images::Address;
using Text = std::optional<std::string>;

Text of_interface(const View& view, std::string (*part)(const images::NetworkInterface&)) {
    if (!view.interface) return std::nullopt;
    return part(*view.interface);
}

std::string name_of(const Address& address) {
    const std::string text = to_text(address.public_address);
    return address.ports ? text + ":" + to_text(*address.ports) : text;
}

}  // namespace

const Structure<AddressView>& address_structure() {
    using Interface = images::NetworkInterface;
    static const auto structure =
        Structure<View>()
            .text("PublicIp", "publicIp",
                  [](const View& v) { return to_text(v.address.public_address); })
            .text("PortRange", "portRange",
                  [](const View& v) -> Text {
                      if (!v.address.ports) return std::nullopt;
                      return to_text(*v.address.ports);
                  })
            .text("AllocationId", "allocationId", [](const View& v) { return v.address.id.str(); })
            .text("Domain", "domain", [](const View&) { return "vpc"; })
            .text("InstanceId", "instanceId",
                  [](const View& v) {
                      return of_interface(v, [](const Interface& i) { return i.instance.str(); });
                  })
            .text("AssociationId", "associationId",
                  [](const View& v) -> Text {
                      if (!v.address.association) return std::nullopt;
                      return v.address.association->id.str();
                  })
            .text("NetworkInterfaceId", "networkInterfaceId",
                  [](const View& v) {
                      return of_interface(v, [](const Interface& i) { return i.id.str(); });
                  })
            .text("NetworkInterfaceOwnerId", "networkInterfaceOwnerId",
                  [](const View& v) {
                      return of_interface(v, [](const Interface& i) { return i.owner.str(); });
                  })
            .text("PrivateIpAddress", "privateIpAddress",
                  [](const View& v) {
                      return of_interface(v, [](const Interface& i) { return to_text(i.address); });
                  })
            .integer("PrivatePort", "privatePort",
                     [](const View& v) -> std::optional<std::int64_t> {
                         if (!v.address.ports || !v.address.association) return std::nullopt;
                         return v.address.association->first_port;
                     })
            .text("PublicIpv4Pool", "publicIpv4Pool", [](const View&) { return "amazon"; })
            .text("NetworkBorderGroup", "networkBorderGroup",
                  [](const View& v) { return v.address.region; })
            .list(
                "Tags", "tagSet", tag_structure(),
                [](const View& v) -> const auto& { return v.tags; });
    return structure;
}

std::vector<AddressView> load_address_views(Session& session, const images::Scope& scope) {
    const auto tags = images::tags_by_resource(session, scope);
    const auto interfaces = images::list_network_interfaces(session, scope);
    std::vector<View> views;
    for (Address& address : images::list_addresses(session, scope)) {
        View view{.address = std::move(address)};
        if (view.address.association) {
            const auto found = std::ranges::find(interfaces, view.address.association->interface,
                                                 &images::NetworkInterface::id);
            if (found != interfaces.end()) view.interface = *found;
        }
        const auto own_tags = tags.find(view.address.id.str());
        if (own_tags != tags.end()) view.tags = own_tags->second;
        views.push_back(std::move(view));
    }
    return views;
}

std::vector<Parameter> which_address_parameters() {
    return {{.name = "AllocationId", .wire = "AllocationId", .help = "The address"},
            {.name = "PublicIp",
             .wire = "PublicIp",
             .help = "The address, as 192.0.2.7 or 192.0.2.7:8000-8099"}};
}

AllocationId which_address(Session& session, const images::Scope& scope,
                           const Arguments& arguments) {
    if (const auto id = arguments.text("AllocationId")) return AllocationId(*id);
    const auto name = arguments.text("PublicIp");
    if (!name) {
        throw Error(error_code::missing_parameter, "AllocationId",
                    "The request needs AllocationId or PublicIp");
    }
    for (const Address& address : images::list_addresses(session, scope)) {
        if (name_of(address) == *name) return address.id;
    }
    throw Error("InvalidAddress.NotFound", *name, "Address '" + *name + "' not found.");
}

}  // namespace kiln::api
