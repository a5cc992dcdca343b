#pragma once

#include <functional>

#include "base/ipv4.hpp"

namespace kiln::hypervisor {

/// Makes the kernel forget the IPv4 connections that one of these addresses begins or answers, in
/// the network namespace that the caller is in: their next packets are held against the rules
/// again, and whoever gets the address later inherits none. Throws Error{InternalError} when the
/// kernel's table cannot be read or changed.
void forget_connections(const std::function<bool(Ipv4Address)>& is_of);

}  // namespace kiln::hypervisor
