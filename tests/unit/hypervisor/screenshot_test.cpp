#include "hypervisor/libvirt/screenshot.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::hypervisor {
namespace {

// One red pixel.
constexpr const char* png_base64 =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

TEST(Screenshot, becomes_a_jpeg) {
    const std::string jpeg = jpeg_from_png(*base64_decode(png_base64));
    EXPECT_EQ(jpeg.substr(0, 3), "\xff\xd8\xff");
    EXPECT_EQ(jpeg.substr(jpeg.size() - 2), "\xff\xd9");
}

TEST(Screenshot, is_refused_when_it_is_no_picture) {
    EXPECT_THROW(jpeg_from_png(""), Error);
    EXPECT_THROW(jpeg_from_png("P6 1 1 255 abc"), Error);
    EXPECT_THROW(jpeg_from_png(base64_decode(png_base64)->substr(0, 50)), Error);
}

}  // namespace
}  // namespace kiln::hypervisor
