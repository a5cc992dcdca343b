#include "base/boot.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/text.hpp"

namespace kiln {

namespace {

TEST(BootIdentity, is_of_the_kernels_boot_and_stays_while_it_runs) {
    const std::string kernel(trim(read_file("/proc/sys/kernel/random/boot_id")));
    EXPECT_TRUE(boot_identity().starts_with(kernel + " "));
    EXPECT_GT(boot_identity().size(), kernel.size() + 1) << "and of the first process";
    EXPECT_EQ(boot_identity(), boot_identity());
}

}  // namespace

}  // namespace kiln
