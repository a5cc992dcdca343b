#include "builder/steps/packages.hpp"

#include <gtest/gtest.h>

namespace kiln::builder {

namespace {

constexpr const char* four_essential =
    "0 upgraded, 4 newly installed, 0 to remove and 0 not upgraded.";
constexpr const char* two_more = "0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.";

TEST(mmdebstrap_progress, follows_the_steps_that_mmdebstrap_names) {
    MmdebstrapProgress progress;

    const auto lists = progress.on_line("I: running apt-get update...");
    const auto download = progress.on_line("I: downloading packages with apt...");

    ASSERT_TRUE(lists && download);
    EXPECT_EQ(lists->step, "reading the package lists");
    EXPECT_EQ(download->step, "downloading packages");
    EXPECT_LT(lists->percent, download->percent);
}

TEST(mmdebstrap_progress, counts_packages_of_the_essential_set_and_then_of_the_others) {
    MmdebstrapProgress progress;
    progress.on_line(four_essential);

    const auto half = progress.on_line("Unpacking libc6:amd64 (2.36-9) ...");
    std::optional<MmdebstrapProgress::Update> all;
    for (int line = 0; line < 7; ++line)
        all = progress.on_line("Setting up libc6:amd64 (2.36-9) ...");
    progress.on_line(two_more);
    const auto others = progress.on_line("Unpacking openssh-server (9.2) ...");

    ASSERT_TRUE(half && all && others);
    EXPECT_EQ(half->percent, 13);
    EXPECT_EQ(all->percent, 35);
    EXPECT_EQ(others->percent, 50);
    EXPECT_EQ(others->step, "installing packages");
}

TEST(mmdebstrap_progress, never_goes_back_nor_past_the_end) {
    MmdebstrapProgress progress;
    progress.on_line(four_essential);
    progress.on_line(two_more);
    int last = 0;
    for (int line = 0; line < 20; ++line) {
        if (const auto update = progress.on_line("Setting up x (1) ...")) {
            EXPECT_GT(update->percent, last);
            last = update->percent;
        }
    }

    EXPECT_EQ(last, 98);
    EXPECT_FALSE(progress.on_line("I: running apt-get update..."));
}

TEST(mmdebstrap_progress, other_lines_say_nothing) {
    MmdebstrapProgress progress;

    EXPECT_FALSE(progress.on_line(""));
    EXPECT_FALSE(progress.on_line("Get:1 http://deb.debian.org/debian bookworm InRelease"));
    EXPECT_FALSE(progress.on_line(" newly installed"));
}

}  // namespace

}  // namespace kiln::builder
