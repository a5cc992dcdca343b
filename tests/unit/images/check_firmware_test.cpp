#include "images/firmware/check_firmware.hpp"

#include <gmock/gmock.h>

#include "images/firmware/uefi_data.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

Image image(Architecture architecture, BootMode boot_mode,
            VirtualizationType virtualization_type = VirtualizationType::hvm) {
    return {.id = ImageId::generate(),
            .owner = AccountId::generate(),
            .architecture = architecture,
            .virtualization_type = virtualization_type,
            .boot_mode = boot_mode};
}

std::string refusal(const Image& image, const std::string& uefi_data = "") {
    return tests::error_code_of([&] { check_firmware(image, uefi_data); });
}

TEST(CheckFirmware, takes_what_there_is) {
    for (const BootMode mode : {BootMode::legacy_bios, BootMode::uefi, BootMode::uefi_preferred}) {
        check_firmware(image(Architecture::x86_64, mode), "");
    }
    check_firmware(image(Architecture::arm64, BootMode::uefi), "");
    check_firmware(image(Architecture::i386, BootMode::legacy_bios), "");
    for (const Architecture architecture : {Architecture::i386, Architecture::x86_64}) {
        check_firmware(image(architecture, BootMode::legacy_bios, VirtualizationType::paravirtual),
                       "");
        EXPECT_EQ(default_boot_mode(architecture), BootMode::legacy_bios);
    }
    EXPECT_EQ(default_boot_mode(Architecture::arm64), BootMode::uefi);
}

TEST(CheckFirmware, refuses_a_boot_mode_that_the_architecture_has_not) {
    for (const Image& wrong :
         {image(Architecture::arm64, BootMode::legacy_bios),
          image(Architecture::arm64, BootMode::uefi_preferred),
          image(Architecture::i386, BootMode::uefi),
          image(Architecture::arm64, BootMode::uefi, VirtualizationType::paravirtual),
          image(Architecture::x86_64, BootMode::uefi, VirtualizationType::paravirtual)}) {
        EXPECT_EQ(refusal(wrong), "InvalidParameterCombination");
    }
}

TEST(CheckFirmware, wants_uefi_for_a_tpm_and_secure_boot) {
    for (const BootMode mode : {BootMode::legacy_bios, BootMode::uefi_preferred}) {
        Image with_tpm = image(Architecture::x86_64, mode);
        with_tpm.tpm_support = tpm_2_0;
        EXPECT_EQ(refusal(with_tpm), "InvalidParameterCombination");
        Image secure = image(Architecture::x86_64, mode);
        secure.secure_boot = true;
        EXPECT_EQ(refusal(secure), "InvalidParameterCombination");
    }
}

TEST(CheckFirmware, secure_boot_is_what_was_said_or_else_the_variables) {
    const std::string secure = pack_uefi_data({Architecture::x86_64, true, "variables"});
    const std::string any = pack_uefi_data({Architecture::x86_64, false, "variables"});
    EXPECT_TRUE(secure_boot_of(std::nullopt, secure));
    EXPECT_FALSE(secure_boot_of(std::nullopt, any));
    EXPECT_FALSE(secure_boot_of(std::nullopt, ""));
    EXPECT_TRUE(secure_boot_of(true, any));
    EXPECT_FALSE(secure_boot_of(false, secure));
}

TEST(CheckFirmware, wants_variables_that_fit) {
    const std::string data = pack_uefi_data({Architecture::x86_64, true, "variables"});
    Image fitting = image(Architecture::x86_64, BootMode::uefi);
    fitting.secure_boot = true;
    check_firmware(fitting, data);

    EXPECT_EQ(refusal(image(Architecture::x86_64, BootMode::uefi), data),
              "InvalidParameterCombination")
        << "without the firmware that heeds them";
    EXPECT_EQ(refusal(image(Architecture::arm64, BootMode::uefi), data),
              "InvalidParameterCombination");
    EXPECT_EQ(refusal(image(Architecture::x86_64, BootMode::legacy_bios), data),
              "InvalidParameterCombination");
    EXPECT_EQ(refusal(fitting, "no base64!"), "InvalidParameterValue");
    check_firmware(image(Architecture::x86_64, BootMode::uefi_preferred),
                   pack_uefi_data({Architecture::x86_64, false, "variables"}));
}

}  // namespace

}  // namespace kiln::images
