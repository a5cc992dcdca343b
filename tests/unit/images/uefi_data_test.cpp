#include "images/firmware/uefi_data.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::images {
namespace {

std::string store_with(const std::string& text) {
    return std::string(100'000, '\xff') + text + std::string(400'000, '\xff');
}

void expect_refused(const std::string& text, const std::string& why) {
    try {
        unpack_uefi_data(text);
        ADD_FAILURE() << "taken: " << text.substr(0, 40);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), error_code::invalid_parameter_value);
        EXPECT_THAT(error.message(), testing::HasSubstr(why));
    }
}

TEST(UefiData, comes_out_as_it_went_in) {
    for (const auto architecture : {Architecture::x86_64, Architecture::arm64}) {
        for (const bool secure : {false, true}) {
            const UefiData made =
                unpack_uefi_data(pack_uefi_data({architecture, secure, store_with("Boot0000")}));
            EXPECT_EQ(made.architecture, architecture);
            EXPECT_EQ(made.secure_boot, secure);
            EXPECT_EQ(made.variables, store_with("Boot0000"));
        }
    }
}

TEST(UefiData, of_a_large_and_empty_store_is_small) {
    const std::string text =
        pack_uefi_data({Architecture::arm64, false, std::string(max_uefi_variables, '\0')});
    EXPECT_LT(text.size(), 16U * 1024);
    EXPECT_EQ(unpack_uefi_data(text).variables.size(), max_uefi_variables);
}

TEST(UefiData, refuses_a_store_that_is_too_full) {
    std::string noise;
    for (std::uint32_t word = 1; noise.size() < 200'000; word = word * 1664525 + 1013904223)
        noise += static_cast<char>(word >> 24);
    EXPECT_THROW(pack_uefi_data({Architecture::x86_64, false, noise}), Error);
}

TEST(UefiData, refuses_what_is_none) {
    const std::string good =
        *base64_decode(pack_uefi_data({Architecture::x86_64, false, store_with("Boot0000")}));
    expect_refused("", "another kind");
    expect_refused("no base64!", "not base64");
    expect_refused(std::string(max_uefi_data_text + 4, 'A'), "more than");
    expect_refused(base64_encode("AMZNUEFI and more\n"), "another kind");
    expect_refused(base64_encode("kiln-uefi-data 1 m68k any-boot\n"), "m68k");
    expect_refused(base64_encode("kiln-uefi-data 1 x86_64 some-boot\n"), "another kind");
    expect_refused(base64_encode("kiln-uefi-data 1 x86_64 any-boot\n"), "damaged");
    expect_refused(base64_encode(good.substr(0, good.size() - 9)), "damaged");
}

}  // namespace
}  // namespace kiln::images
