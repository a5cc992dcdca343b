#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// What the canary writes, and the port of the isa-debug-exit device that x86's writes to. QEMU
/// then exits with twice the value and one.
inline constexpr std::uint8_t canary_value = 0x4b;
inline constexpr std::uint8_t debug_exit_port = 0xf4;

/// The canary's machine code. For x86 it is a boot sector that switches the processor from real
/// mode to the mode that guests of the architecture live in (64-bit mode; protected mode with
/// paging) and, there, ends QEMU through its isa-debug-exit device: it needs no memory above 64
/// KiB, and no BIOS after it was loaded. For aarch64 it is firmware that writes the value to the
/// first serial port of QEMU's machine `virt` and powers off through PSCI.
std::string canary_program(GuestArchitecture architecture);

/// What came of a canary guest.
struct CanaryAnswer {
    bool alive = false;
    std::string description;  // "a canary guest entered 64-bit mode in 12 ms", or why it did not
};

/// Runs the canary in a QEMU of its own with this accelerator, with the host's CPU under KVM. Never
/// throws for what the guest or QEMU does; a QEMU that cannot be run is an answer, too.
CanaryAnswer run_canary(GuestArchitecture architecture, Accelerator accelerator,
                        std::chrono::milliseconds time_limit);

}  // namespace kiln::hypervisor
