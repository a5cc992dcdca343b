#include "hypervisor/accelerator/canary.hpp"

#include <gtest/gtest.h>

namespace kiln::hypervisor {
namespace {

TEST(CanaryProgram, for_x86_is_a_boot_sector) {
    for (const auto architecture : {GuestArchitecture::i386, GuestArchitecture::x86_64}) {
        const std::string sector = canary_program(architecture);
        ASSERT_EQ(sector.size(), 512);
        EXPECT_EQ(sector.substr(510), "\x55\xaa");
        EXPECT_EQ(sector.front(), '\xfa') << "interrupts are to be turned off first";
    }
}

TEST(CanaryProgram, for_aarch64_is_whole_instructions) {
    const std::string firmware = canary_program(GuestArchitecture::aarch64);
    EXPECT_EQ(firmware.size() % 4, 0);
    EXPECT_EQ(firmware.substr(firmware.size() - 8), std::string("\x02\0\0\xd4\0\0\0\x14", 8));
}

}  // namespace
}  // namespace kiln::hypervisor
