#include "images/catalog/address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

/// As the table has it.
struct AddressRow {
    AllocationId id = placeholder_id<AllocationId>();
    AccountId owner = placeholder_account();
    std::string region;
    Ipv4Address public_address;
    int from_port = 0;
    int to_port = 0;
    std::optional<AssociationId> association;
    std::optional<NetworkInterfaceId> interface;
    int private_port = 0;
    Time created;
};

struct AddressTable {
    static constexpr const char* name = "addresses";
    static AddressRow blank() { return {}; }
    static void columns(auto& column, auto& row) {
        column("allocation_id", row.id);
        column("owner", row.owner);
        column("region", row.region);
        column("public_address", row.public_address);
        column("from_port", row.from_port);
        column("to_port", row.to_port);
        column("association_id", row.association);
        column("interface_id", row.interface);
        column("private_port", row.private_port);
        column("created", row.created);
    }
};

AddressRow row_of(const Address& address) {
    AddressRow row{.id = address.id,
                   .owner = address.owner,
                   .region = address.region,
                   .public_address = address.public_address,
                   .created = address.created};
    if (address.ports) {
        row.from_port = address.ports->first;
        row.to_port = address.ports->last;
    }
    if (address.association) {
        row.association = address.association->id;
        row.interface = address.association->interface;
        row.private_port = address.association->first_port;
    }
    return row;
}

Address address_of(AddressRow row) {
    Address address{.id = std::move(row.id),
                    .owner = std::move(row.owner),
                    .region = std::move(row.region),
                    .public_address = row.public_address,
                    .created = row.created};
    if (row.from_port != 0) address.ports = PortRange{.first = row.from_port, .last = row.to_port};
    if (row.association && row.interface) {
        address.association = AddressAssociation{
            .id = *row.association, .interface = *row.interface, .first_port = row.private_port};
    }
    return address;
}

std::vector<Address> select_addresses(Session& session, const std::string& condition,
                                      const std::vector<SqlParameter>& parameters) {
    std::vector<Address> addresses;
    for (AddressRow& row : select_rows<AddressTable>(
             session, condition + " order by public_address, from_port", parameters)) {
        addresses.push_back(address_of(std::move(row)));
    }
    return addresses;
}

}  // namespace

bool Address::overlaps(const Address& other) const {
    if (public_address != other.public_address) return false;
    return !ports || !other.ports || ports->overlaps(*other.ports);
}

void insert_address(Session& session, const Address& address) {
    insert_row<AddressTable>(session, row_of(address));
}

Address get_address(Session& session, const Scope& scope, const AllocationId& id) {
    auto found = select_addresses(
        session, "where allocation_id = :id and owner = :owner and region = :region",
        {{"id", id.str()}, {"owner", scope.owner.str()}, {"region", scope.region}});
    if (!found.empty()) return std::move(found.front());
    throw Error("InvalidAllocationID.NotFound", id.str(),
                fmt::format("The allocation ID '{}' does not exist", id.str()));
}

std::vector<Address> list_addresses(Session& session, const Scope& scope) {
    return select_addresses(session, "where owner = :owner and region = :region",
                            {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<Address> addresses_of_region(Session& session, const std::string& region) {
    return select_addresses(session, "where region = :region", {{"region", region}});
}

std::vector<Address> all_addresses(Session& session) {
    return select_addresses(session, "", {});
}

std::vector<Address> addresses_of_interface(Session& session, const NetworkInterfaceId& id) {
    auto addresses = select_addresses(session, "where interface_id = :id", {{"id", id.str()}});
    std::ranges::stable_sort(addresses, {},
                             [](const Address& address) { return address.ports.has_value(); });
    return addresses;
}

void update_address(Session& session, const Address& address) {
    update_row<AddressTable>(session, row_of(address));
}

void delete_address(Session& session, const AllocationId& id) {
    run_sql(session, "delete from tags where resource_id = :id", {{"id", id.str()}});
    run_sql(session, "delete from addresses where allocation_id = :id", {{"id", id.str()}});
}

void disassociate_addresses_of(Session& session, const NetworkInterfaceId& id) {
    run_sql(session,
            "update addresses set association_id = null, interface_id = null, private_port = 0"
            " where interface_id = :id",
            {{"id", id.str()}});
}

}  // namespace kiln::images
