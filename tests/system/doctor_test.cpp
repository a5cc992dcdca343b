#include <gmock/gmock.h>

#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

TEST(DoctorTest, a_host_that_runs_guests_is_fit_in_every_line) {
    const KilnHost host;
    const ProcessResult result = host.kiln({"doctor"});
    EXPECT_EQ(result.exit_status, 0) << result.standard_output;
    for (const char* name :
         {"service", "guests of i386", "guests of x86_64", "guests of arm64", "kvm device", "qemu",
          "libvirt", "firmware", "tpm", "libguestfs", "space", "permissions"}) {
        EXPECT_THAT(result.standard_output, testing::HasSubstr(std::string(" ") + name + " "));
    }
    EXPECT_THAT(result.standard_output, testing::Not(testing::HasSubstr("failed")));
    EXPECT_THAT(result.standard_output, testing::HasSubstr("ok       tpm "));
}

}  // namespace

}  // namespace kiln::tests
