#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ipv4.hpp"

namespace kiln::launcher {

/// The ranges that the host has a route to, without the default route, in what /proc/net/route
/// says; a pure function.
std::vector<Ipv4Range> parse_routes(const std::string& proc_net_route);

/// The first of 172.31.0.0/16, 172.30.0.0/16 … 172.16.0.0/16, 10.255.0.0/16 … 10.0.0.0/16 that
/// overlaps none of those that are taken; nullopt when each does.
std::optional<Ipv4Range> choose_range(const std::vector<Ipv4Range>& taken);

/// The part of the range that the zone with this index has, of so many: a 16th, or as much less as
/// there are more zones.
Ipv4Range subnet_range(const Ipv4Range& range, std::size_t index, std::size_t zones);

/// A subnet must hold more than what is reserved in it.
inline constexpr int longest_range_prefix = 24;
/// QEMU's device names have room for 24 bits of an address.
inline constexpr int shortest_range_prefix = 8;

}  // namespace kiln::launcher
