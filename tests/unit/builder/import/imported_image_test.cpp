#include "builder/import/imported_image.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace kiln::builder {

namespace {

using images::Architecture;
using images::BootMode;

images::Image describe(const ImportImageRequest& request,
                       const std::optional<Inspection>& found = std::nullopt) {
    const images::ImportTask task{.id = "import-ami-0123456789abcdef0",
                                  .owner = AccountId("111111111111"),
                                  .region = "local-1",
                                  .state = images::TaskState::active};
    return describe_image(task, request, found, Time{});
}

Inspection debian(const std::string& architecture) {
    return {.type = "linux",
            .distribution = "debian",
            .product = "Debian GNU/Linux 12 (bookworm)",
            .os_id = "debian12",
            .architecture = architecture};
}

TEST(ImportedImage, of_an_unknown_disk_is_for_bios_guests_of_x86_64_and_root) {
    const images::Image image = describe({});
    EXPECT_EQ(image.architecture, Architecture::x86_64);
    EXPECT_EQ(image.boot_mode, BootMode::legacy_bios);
    EXPECT_EQ(image.login_user, "root");
    EXPECT_EQ(image.platform, "");
    EXPECT_EQ(image.name, "import-ami-0123456789abcdef0");
}

TEST(ImportedImage, is_what_was_found_on_the_disk) {
    Inspection found = debian("aarch64");
    found.has_efi_partition = true;
    const images::Image image = describe({}, found);
    EXPECT_EQ(image.architecture, Architecture::arm64);
    EXPECT_EQ(image.boot_mode, BootMode::uefi);
    EXPECT_EQ(image.login_user, "debian");
    EXPECT_EQ(image.os_id, "debian12");
}

TEST(ImportedImage, boots_by_uefi_only_where_the_disk_has_nothing_for_bios) {
    Inspection both = debian("x86_64");
    both.has_efi_partition = both.has_bios_loader = true;
    EXPECT_EQ(describe({}, both).boot_mode, BootMode::legacy_bios);
    Inspection efi = debian("x86_64");
    efi.has_efi_partition = true;
    EXPECT_EQ(describe({}, efi).boot_mode, BootMode::uefi);
    EXPECT_EQ(describe({.boot_mode = BootMode::legacy_bios}, efi).boot_mode, BootMode::legacy_bios)
        << "who asks for it gets it";
}

TEST(ImportedImage, of_windows_says_so) {
    const Inspection windows{.type = "windows",
                             .distribution = "windows",
                             .product = "Windows 11",
                             .os_id = "win11",
                             .architecture = "x86_64",
                             .has_efi_partition = true};
    const images::Image image = describe({}, windows);
    EXPECT_EQ(image.platform, images::windows_platform);
    EXPECT_EQ(image.tpm_support, images::tpm_2_0);
    EXPECT_EQ(image.login_user, "Administrator");
}

TEST(ImportedImage, that_contradicts_the_request_is_refused) {
    EXPECT_THROW(describe({.architecture = Architecture::arm64}, debian("x86_64")), Error);
    EXPECT_THROW(describe({.platform = "windows"}, debian("x86_64")), Error);
    EXPECT_NO_THROW(
        describe({.architecture = Architecture::x86_64, .platform = "linux"}, debian("x86_64")));
}

}  // namespace

}  // namespace kiln::builder
