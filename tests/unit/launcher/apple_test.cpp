#include "launcher/platforms/apple.hpp"

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/catalog_fixture.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::launcher {
namespace {

using ::testing::HasSubstr;

TEST(MacosSettings, must_be_there) {
    const tests::TemporaryDirectory directory;
    Settings settings;
    const auto check = [&] { check_macos_settings(settings); };
    EXPECT_EQ(tests::error_code_of(check), "Unsupported");
    EXPECT_THAT(tests::error_message_of(check), HasSubstr("macos_boot_disk is not set"));
    settings.macos_boot_disk = directory.path() / "opencore.raw";
    EXPECT_THAT(tests::error_message_of(check), HasSubstr("does not exist"));
    write_file_atomically(settings.macos_boot_disk, "", 0644);
    EXPECT_THAT(tests::error_message_of(check), HasSubstr("macos_smc_key is not set"));
    settings.macos_smc_key = "words of the host";
    check();
    std::filesystem::permissions(settings.macos_boot_disk, std::filesystem::perms(0600));
    EXPECT_THAT(tests::error_message_of(check), HasSubstr("chmod"));

    EXPECT_EQ(macos_profile(settings).machine.smc_key, "words of the host");
    const hypervisor::DiskSpec disk = macos_boot_disk(settings);
    EXPECT_EQ(disk.chain.front().path, settings.macos_boot_disk);
    EXPECT_TRUE(disk.read_only);
    EXPECT_TRUE(disk.keeps_owner) << "all guests begin with it";
}

}  // namespace
}  // namespace kiln::launcher
