#include "hypervisor/accelerator/canary.hpp"

#include <gtest/gtest.h>

namespace kiln::hypervisor {
namespace {

TEST(CanaryBootSector, ends_with_the_signature_that_a_bios_wants) {
    const BootSector sector = canary_boot_sector();
    EXPECT_EQ(sector[510], 0x55);
    EXPECT_EQ(sector[511], 0xaa);
}

TEST(CanaryBootSector, begins_by_turning_interrupts_off) {
    EXPECT_EQ(canary_boot_sector()[0], 0xfa);
}

}  // namespace
}  // namespace kiln::hypervisor
