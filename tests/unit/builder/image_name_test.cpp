#include "builder/recipe/image_name.hpp"

#include <gtest/gtest.h>

namespace kiln::builder {

namespace {

TEST(image_name, says_what_stands_in_braces) {
    const NamePlaces places{.now = parse_time("2026-11-30T10:45:07.123Z").value(),
                            .version = "1.2",
                            .architecture = images::Architecture::arm64};

    EXPECT_EQ(expand_name("web", places), "web");
    EXPECT_EQ(expand_name("web-{date}-{time}", places), "web-2026-11-30-104507");
    EXPECT_EQ(expand_name("{version}/{architecture}", places), "1.2/arm64");
}

}  // namespace

}  // namespace kiln::builder
