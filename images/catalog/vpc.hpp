#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/ipv4.hpp"

namespace kiln::images {

/// The network of a region's guests, of which each region has one.
struct Vpc {
    VpcId id;
    std::string region;
    std::string identity;  // six hexadecimal digits: what its parts on the host are named after
    Ipv4Range range;
    Time created;
};

/// A zone's part of it.
struct Subnet {
    SubnetId id;
    VpcId vpc;
    std::string region;
    std::string zone;
    Ipv4Range range;
    std::uint64_t next_address = 0;  // where in the range the search for a free one begins
};

/// EC2 keeps the first four addresses of a subnet and the last one for itself.
inline constexpr std::uint64_t reserved_at_start = 4;
inline constexpr std::uint64_t reserved_at_end = 1;

void insert_vpc(Session& session, const Vpc& vpc);
std::optional<Vpc> find_vpc(Session& session, const std::string& region);
std::vector<Vpc> list_vpcs(Session& session);

void insert_subnet(Session& session, const Subnet& subnet);
/// In the order of their zones.
std::vector<Subnet> subnets_of_region(Session& session, const std::string& region);
std::optional<Subnet> find_subnet(Session& session, const SubnetId& id);

/// How many addresses of the subnet are neither reserved nor taken.
std::uint64_t free_address_count(Session& session, const Subnet& subnet);
/// Those that next_free_address() gives while one of them is free, so that not too many need to be
/// known beforehand.
std::vector<Ipv4Address> preferred_addresses(const Subnet& subnet);
/// The preferred address that was free for the longest time, or else the first of the others that
/// is free; it is taken when a network interface with it is
/// inserted. Throws Error{InsufficientFreeAddressesInSubnet}.
Ipv4Address next_free_address(Session& session, const SubnetId& id);

}  // namespace kiln::images
