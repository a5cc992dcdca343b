#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

using BootSector = std::array<std::uint8_t, 512>;

/// What the canary writes, and the port of the isa-debug-exit device that it writes to. QEMU then
/// exits with twice the value and one.
inline constexpr std::uint8_t canary_value = 0x4b;
inline constexpr std::uint8_t debug_exit_port = 0xf4;

/// A boot sector that switches the CPU from real mode to 64-bit mode and, there, ends QEMU through
/// its isa-debug-exit device. It needs no memory above 64 KiB, and no BIOS after it was loaded.
BootSector canary_boot_sector();

/// What came of a canary guest.
struct CanaryAnswer {
    bool alive = false;
    std::string description;  // "a canary guest entered 64-bit mode in 12 ms", or why it did not
};

/// Runs the canary in a QEMU of its own with this accelerator, with the host's CPU under KVM. Never
/// throws for what the guest or QEMU does; a QEMU that cannot be run is an answer, too.
CanaryAnswer run_canary(Accelerator accelerator, std::chrono::milliseconds time_limit);

}  // namespace kiln::hypervisor
