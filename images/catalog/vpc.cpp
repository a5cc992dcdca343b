#include "images/catalog/vpc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct VpcTable {
    static constexpr const char* name = "vpcs";
    static Vpc blank() { return {.id = placeholder_id<VpcId>()}; }
    static void columns(auto& column, auto& vpc) {
        column("vpc_id", vpc.id);
        column("region", vpc.region);
        column("identity", vpc.identity);
        column("address_range", vpc.range);
        column("created", vpc.created);
    }
};

struct SubnetTable {
    static constexpr const char* name = "subnets";
    static Subnet blank() {
        return {.id = placeholder_id<SubnetId>(), .vpc = placeholder_id<VpcId>()};
    }
    static void columns(auto& column, auto& subnet) {
        column("subnet_id", subnet.id);
        column("vpc_id", subnet.vpc);
        column("region", subnet.region);
        column("zone", subnet.zone);
        column("address_range", subnet.range);
        column("next_address", subnet.next_address);
    }
};

std::set<Ipv4Address> taken_addresses(Session& session, const Subnet& subnet) {
    Statement rows(session, "select address from network_interfaces where subnet_id = :id",
                   {{"id", subnet.id.str()}}, {ColumnType::number});
    std::set<Ipv4Address> taken;
    while (rows.next())
        taken.insert({.bits = static_cast<std::uint32_t>(rows.number(0))});
    return taken;
}

std::uint64_t usable_size(const Subnet& subnet) {
    const std::uint64_t reserved = reserved_at_start + reserved_at_end;
    return subnet.range.size() > reserved ? subnet.range.size() - reserved : 0;
}

/// More guests than a host runs at once.
constexpr std::uint64_t max_preferred = 250;

std::uint64_t preferred_size(const Subnet& subnet) {
    return std::min(usable_size(subnet), max_preferred);
}

}  // namespace

void insert_vpc(Session& session, const Vpc& vpc) {
    insert_row<VpcTable>(session, vpc);
}

std::optional<Vpc> find_vpc(Session& session, const std::string& region) {
    return select_row<VpcTable>(session, "where region = :region", {{"region", region}});
}

std::vector<Vpc> list_vpcs(Session& session) {
    return select_rows<VpcTable>(session, "order by created, vpc_id");
}

void insert_subnet(Session& session, const Subnet& subnet) {
    insert_row<SubnetTable>(session, subnet);
}

std::vector<Subnet> subnets_of_region(Session& session, const std::string& region) {
    return select_rows<SubnetTable>(session, "where region = :region order by zone",
                                    {{"region", region}});
}

std::optional<Subnet> find_subnet(Session& session, const SubnetId& id) {
    return select_row<SubnetTable>(session, "where subnet_id = :id", {{"id", id.str()}});
}

std::uint64_t free_address_count(Session& session, const Subnet& subnet) {
    return usable_size(subnet) - taken_addresses(session, subnet).size();
}

std::vector<Ipv4Address> preferred_addresses(const Subnet& subnet) {
    std::vector<Ipv4Address> addresses;
    for (std::uint64_t place = 0; place < preferred_size(subnet); ++place)
        addresses.push_back(subnet.range.at(reserved_at_start + place));
    return addresses;
}

Ipv4Address next_free_address(Session& session, const SubnetId& id) {
    const Subnet subnet = find_subnet(session, id).value();
    const auto taken = taken_addresses(session, subnet);
    const std::uint64_t size = preferred_size(subnet);
    for (std::uint64_t tried = 0; tried < size; ++tried) {
        const std::uint64_t place = (subnet.next_address + tried) % size;
        const Ipv4Address address = subnet.range.at(reserved_at_start + place);
        if (taken.contains(address)) continue;
        run_sql(session, "update subnets set next_address = :next where subnet_id = :id",
                {{"next", static_cast<std::int64_t>((place + 1) % size)}, {"id", id.str()}});
        return address;
    }
    for (std::uint64_t place = size; place < usable_size(subnet); ++place) {
        const Ipv4Address address = subnet.range.at(reserved_at_start + place);
        if (!taken.contains(address)) return address;
    }
    throw Error("InsufficientFreeAddressesInSubnet", id.str(),
                fmt::format("The subnet '{}' ({}) has no free address: terminate instances, or "
                            "launch in another zone.",
                            id.str(), to_text(subnet.range)));
}

}  // namespace kiln::images
