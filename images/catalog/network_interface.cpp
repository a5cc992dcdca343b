#include "images/catalog/network_interface.hpp"

#include <fmt/format.h>

#include <map>

#include "images/catalog/address.hpp"
#include "images/catalog/table.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::images {

namespace {

struct InterfaceTable {
    static constexpr const char* name = "network_interfaces";
    static NetworkInterface blank() {
        return {.id = placeholder_id<NetworkInterfaceId>(),
                .owner = placeholder_account(),
                .subnet = placeholder_id<SubnetId>(),
                .instance = placeholder_id<InstanceId>()};
    }
    static void columns(auto& column, auto& interface) {
        column("interface_id", interface.id);
        column("owner", interface.owner);
        column("region", interface.region);
        column("zone", interface.zone);
        column("subnet_id", interface.subnet);
        column("instance_id", interface.instance);
        column("address", interface.address);
        column("mac_address", interface.mac_address);
        column("attached", interface.attached);
    }
};

/// The interfaces that `rest` selects, with their groups.
std::vector<NetworkInterface> select_interfaces(Session& session, const std::string& rest,
                                                const std::vector<SqlParameter>& parameters) {
    auto interfaces = select_rows<InterfaceTable>(session, rest, parameters);
    std::map<std::string, NetworkInterface*> by_id;
    for (NetworkInterface& interface : interfaces)
        by_id.emplace(interface.id.str(), &interface);
    Statement rows(session,
                   "select interface_groups.interface_id, group_id from interface_groups"
                   " join network_interfaces"
                   " on network_interfaces.interface_id = interface_groups.interface_id " +
                       rest,
                   parameters, {ColumnType::text, ColumnType::text});
    while (rows.next()) {
        const auto found = by_id.find(rows.text(0));
        if (found != by_id.end()) found->second->groups.emplace_back(rows.text(1));
    }
    return interfaces;
}

std::optional<NetworkInterface> select_interface(Session& session, const std::string& rest,
                                                 const std::vector<SqlParameter>& parameters) {
    auto interfaces = select_interfaces(session, rest, parameters);
    if (interfaces.empty()) return std::nullopt;
    return std::move(interfaces.front());
}

void insert_groups(Session& session, const NetworkInterfaceId& id,
                   const std::vector<SecurityGroupId>& groups) {
    for (const SecurityGroupId& group : groups) {
        run_sql(session,
                "insert into interface_groups (interface_id, group_id) values (:id, :group_id)",
                {{"id", id.str()}, {"group_id", group.str()}});
    }
}

}  // namespace

void insert_network_interface(Session& session, const NetworkInterface& interface) {
    insert_row<InterfaceTable>(session, interface);
    insert_groups(session, interface.id, interface.groups);
}

std::optional<NetworkInterface> interface_of_instance(Session& session, const InstanceId& id) {
    return select_interface(session, "where instance_id = :instance order by 1, 2",
                            {{"instance", id.str()}});
}

std::optional<NetworkInterface> interface_at(Session& session, const std::string& region,
                                             Ipv4Address address) {
    return select_interface(session, "where region = :region and address = :address order by 1, 2",
                            {{"region", region}, {"address", to_value(address)}});
}

NetworkInterface get_network_interface(Session& session, const Scope& scope,
                                       const NetworkInterfaceId& id) {
    auto interface = select_interface(
        session,
        "where network_interfaces.interface_id = :id and owner = :owner and region = :region order "
        "by 1, 2",
        {{"id", id.str()}, {"owner", scope.owner.str()}, {"region", scope.region}});
    if (!interface) throw network_interface_not_found(id);
    return *std::move(interface);
}

Error network_interface_not_found(const NetworkInterfaceId& id) {
    return {"InvalidNetworkInterfaceID.NotFound", id.str(),
            fmt::format("The networkInterface ID '{}' does not exist", id.str())};
}

std::vector<NetworkInterface> list_network_interfaces(Session& session, const Scope& scope) {
    return select_interfaces(session,
                             "where owner = :owner and region = :region order by attached, 1, 2",
                             {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<NetworkInterface> interfaces_of_region(Session& session, const std::string& region) {
    return select_interfaces(session, "where region = :region order by 1, 2", {{"region", region}});
}

void set_interface_groups(Session& session, const NetworkInterfaceId& id,
                          const std::vector<SecurityGroupId>& groups) {
    run_sql(session, "delete from interface_groups where interface_id = :id", {{"id", id.str()}});
    insert_groups(session, id, groups);
}

void delete_interface_of(Session& session, const InstanceId& instance) {
    if (const auto interface = interface_of_instance(session, instance)) {
        disassociate_addresses_of(session, interface->id);
        delete_all_tags(session, interface->id.str());
    }
    run_sql(session, "delete from network_interfaces where instance_id = :instance",
            {{"instance", instance.str()}});
}

}  // namespace kiln::images
