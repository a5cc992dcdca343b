#include "builder/inspection/appliance_check.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(appliance_check, the_appliance_starts_without_hardware_virtualization) {
    EXPECT_THAT(check_appliance(false),
                MatchesRegex("libguestfs [0-9.]+, appliance started in [0-9]+ s"));
}

TEST(appliance_check, a_host_where_it_cannot_start_is_told_what_to_install) {
    ::setenv("LIBGUESTFS_HV", "/bin/false", 1);
    const auto call = [] { check_appliance(false); };

    const std::string code = tests::error_code_of(call);
    const std::string message = tests::error_message_of(call);
    ::unsetenv("LIBGUESTFS_HV");

    EXPECT_EQ(code, "Unavailable");
    EXPECT_THAT(message, HasSubstr("libguestfs cannot start its appliance: "));
    EXPECT_THAT(message, HasSubstr("apt-get install linux-image-cloud-amd64 supermin"));
}

}  // namespace

}  // namespace kiln::builder
