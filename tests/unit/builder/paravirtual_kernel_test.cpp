#include "builder/steps/paravirtual_kernel.hpp"

#include <gtest/gtest.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

void set_little_endian(std::string& bytes, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i)
        bytes.at(at + i) = static_cast<char>(value >> 8 * i & 0xff);
}

/// Two sectors of setup, and the payload with its length behind it 16 bytes on.
std::string kernel_around(std::string_view payload) {
    constexpr std::size_t setup_size = 1024;
    constexpr std::size_t offset = 16;
    std::string kernel(setup_size + offset, '\0');
    kernel.at(0x1f1) = 1;  // one sector besides the boot sector
    kernel.replace(0x202, 4, "HdrS");
    set_little_endian(kernel, 0x248, offset);
    set_little_endian(kernel, 0x24c, static_cast<std::uint32_t>(payload.size() + 4));
    return kernel.append(payload).append("SIZE").append("what follows");
}

TEST(payload_of, is_what_the_header_says_without_the_length_behind_it) {
    EXPECT_EQ(payload_of(kernel_around("packed")), "packed");
    EXPECT_EQ(payload_of(kernel_around("")), "");
}

TEST(payload_of, what_is_no_kernel_for_pcs_fails_the_build) {
    std::string other = kernel_around("packed");
    other.replace(0x202, 4, "HdrX");
    for (const std::string& kernel :
         {std::string(), std::string("MZ"), other, kernel_around("packed").substr(0, 0x24f)})
        EXPECT_EQ(tests::error_code_of([&] { payload_of(kernel); }), "BuildFailed");
}

TEST(payload_of, a_header_that_points_outside_the_kernel_fails_the_build) {
    for (const std::size_t at : {std::size_t{0x248}, std::size_t{0x24c}}) {
        for (const std::uint32_t value : {0x1000U, 0x7fffffffU, 0xffffffffU}) {
            std::string kernel = kernel_around("packed");
            set_little_endian(kernel, at, value);
            EXPECT_EQ(tests::error_code_of([&] { payload_of(kernel); }), "BuildFailed");
        }
    }
    std::string many_sectors = kernel_around("packed");
    many_sectors.at(0x1f1) = '\xff';
    EXPECT_EQ(tests::error_code_of([&] { payload_of(many_sectors); }), "BuildFailed");
}

TEST(payload_of, a_payload_without_room_for_its_length_fails_the_build) {
    for (const std::uint32_t length : {0U, 3U}) {
        std::string kernel = kernel_around("packed");
        set_little_endian(kernel, 0x24c, length);
        EXPECT_EQ(tests::error_code_of([&] { payload_of(kernel); }), "BuildFailed");
    }
}

}  // namespace

}  // namespace kiln::builder
