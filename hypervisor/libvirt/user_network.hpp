#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// A TCP port of the host that QEMU's user-mode network hands to the guest.
struct PortForward {
    std::string host_address;
    std::uint16_t host_port = 0;
    std::uint16_t guest_port = 0;

    friend bool operator==(const PortForward&, const PortForward&) = default;
};

/// The forwards in what the monitor command `info usernet` says; a pure function.
std::vector<PortForward> parse_port_forwards(const std::string& info_usernet);

/// Forwards a free port of 127.0.0.1 to the guest's port, or finds the one that was forwarded
/// before, and returns it. Not for the same domain from two threads at a time.
std::uint16_t forward_port_of(virDomainPtr domain, std::uint16_t guest_port);

}  // namespace kiln::hypervisor
