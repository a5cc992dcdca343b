#include <gmock/gmock.h>

#include "tests/places.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

/// As a user who has configured nothing and may start no service.
ProcessResult run_as_nobody(const KilnHost& host, const std::filesystem::path& program) {
    return run_process(
        {.arguments = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program,
                       "describe-regions", "--output", "text"},
         .environment = {"HOME=" + (host.home() / "nobody").string(), "KILN_NO_AUTOSTART=1"}});
}

TEST(MachineWideService, serves_users_without_root_whom_its_socket_lets_in) {
    const KilnHost host;
    host.start_service();
    const auto program = host.home() / "kiln";
    std::filesystem::copy_file(places::kiln, program);
    std::filesystem::create_directory("/run/kiln");
    std::filesystem::create_symlink(host.socket(), "/run/kiln/kiln.sock");

    const ProcessResult outside = run_as_nobody(host, program);
    EXPECT_EQ(outside.exit_status, 1) << "it was made for root alone";
    EXPECT_THAT(outside.standard_error, testing::HasSubstr("no kiln service answers"));

    for (const char* users : {"everybody", "nogroup"}) {  // which is nobody's
        host.configure(std::string("socket_users: ") + users + "\n");
        host.stop_service();
        host.start_service();
        const ProcessResult inside = run_as_nobody(host, program);
        EXPECT_EQ(inside.exit_status, 0) << users << ": " << inside.standard_error;
        EXPECT_THAT(inside.standard_output, testing::StartsWith("local-1"));
    }
    host.configure("socket_users: kvm\n");
    host.stop_service();
    host.start_service();
    EXPECT_EQ(run_as_nobody(host, program).exit_status, 1) << "nobody is not in it";
    host.configure("socket_users: no-such-group\n");
    host.stop_service();
    const ProcessResult refused = host.kiln({"describe-regions"});
    EXPECT_NE(refused.exit_status, 0);
    EXPECT_THAT(refused.standard_error, testing::HasSubstr("sudo addgroup no-such-group"));
    host.configure("");
    std::filesystem::remove_all("/run/kiln");
}

}  // namespace

}  // namespace kiln::tests
