#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// All of them, in the order of the enumeration.
inline constexpr std::array guest_architectures{GuestArchitecture::i386, GuestArchitecture::x86_64,
                                                GuestArchitecture::aarch64};

/// That of a host whose `uname -m` says so; nullopt: none of them.
std::optional<GuestArchitecture> architecture_of(std::string_view machine);
/// This host's.
std::optional<GuestArchitecture> host_architecture();
/// Whether processors of the host's architecture run it as their own: x86_64 ones i386 too.
bool runs_natively(GuestArchitecture architecture, std::optional<GuestArchitecture> host);

bool is_x86(GuestArchitecture architecture);
/// "i386", "x86_64", "arm64": as EC2 and Debian say it, for people to read.
const char* ec2_name(GuestArchitecture architecture);
/// "i686", "x86_64", "aarch64": as libvirt and uname say it.
const char* libvirt_name(GuestArchitecture architecture);
/// "qemu-system-x86_64" and so on.
const char* qemu_program(GuestArchitecture architecture);
/// The Debian package that has it.
const char* qemu_package(GuestArchitecture architecture);

}  // namespace kiln::hypervisor
