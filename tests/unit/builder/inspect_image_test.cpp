#include "builder/inspection/inspect_image.hpp"

#include <gmock/gmock.h>

namespace kiln::builder {

namespace {

using images::BootMode;
using images::Image;

struct Noted {
    BootMode boot_mode = BootMode::legacy_bios;
    std::string platform = {};
    std::string tpm_support = {};

    friend bool operator==(const Noted&, const Noted&) = default;
};

Noted noted(const Inspection& found, Image image) {
    note(found, image);
    EXPECT_EQ(image.os_id, found.os_id);
    EXPECT_EQ(image.drivers, found.drivers);
    return {image.boot_mode, image.platform, image.tpm_support};
}

Image of(images::Architecture architecture, BootMode boot_mode) {
    return {.id = ImageId::generate(),
            .owner = AccountId("111111111111"),
            .region = "local-1",
            .name = "golden",
            .state = images::ImageState::available,
            .architecture = architecture,
            .virtualization_type = images::VirtualizationType::hvm,
            .boot_mode = boot_mode};
}

Image hvm() {
    return of(images::Architecture::x86_64, BootMode::legacy_bios);
}

const Inspection windows_11{.type = windows_system, .os_id = "win11", .has_efi_partition = true};

TEST(NoteInspection, a_disk_that_only_uefi_can_boot_is_booted_through_uefi) {
    EXPECT_EQ(noted({.os_id = "debian12", .has_efi_partition = true}, hvm()),
              (Noted{.boot_mode = BootMode::uefi}));
    EXPECT_EQ(noted({.has_bios_loader = true, .has_efi_partition = true}, hvm()), Noted{});
    EXPECT_EQ(noted({.has_bios_loader = true}, hvm()), Noted{});
    EXPECT_EQ(noted({}, hvm()), Noted{});
}

TEST(NoteInspection, what_somebody_has_said_of_the_boot_mode_stands) {
    EXPECT_EQ(noted({.has_efi_partition = true},
                    of(images::Architecture::x86_64, BootMode::uefi_preferred))
                  .boot_mode,
              BootMode::uefi_preferred);
    EXPECT_EQ(
        noted({.has_efi_partition = true}, of(images::Architecture::i386, BootMode::legacy_bios))
            .boot_mode,
        BootMode::legacy_bios);
    Image paravirtual = hvm();
    paravirtual.virtualization_type = images::VirtualizationType::paravirtual;
    EXPECT_EQ(noted({.has_efi_partition = true}, paravirtual), Noted{});
}

TEST(NoteInspection, windows_11_has_a_tpm_where_it_boots_through_uefi) {
    EXPECT_EQ(noted(windows_11, hvm()), (Noted{BootMode::uefi, "windows", "v2.0"}));
    Inspection bios = windows_11;
    bios.has_bios_loader = true;
    EXPECT_EQ(noted(bios, hvm()), (Noted{BootMode::legacy_bios, "windows", ""}));
    Inspection older = windows_11;
    older.os_id = "win10";
    EXPECT_EQ(noted(older, hvm()), (Noted{BootMode::uefi, "windows", ""}));
}

TEST(NoteInspection, an_image_that_is_windows_no_more_loses_the_platform) {
    Image image = hvm();
    image.platform = images::windows_platform;
    EXPECT_EQ(noted({.type = "linux", .os_id = "debian12"}, image), Noted{});
}

}  // namespace

}  // namespace kiln::builder
