#include "tests/hostile_images.hpp"

#include <set>

#include "tests/unit/builder/gate/gate_checks.hpp"

namespace kiln::builder::gate {

namespace {

using tests::HostileImage;
using tests::Outcome;

void expect_outcome(const HostileImage& image) {
    SCOPED_TRACE(std::to_string(image.number) + ": " + image.name);
    const tests::DiskFile file = image.make();
    if (image.outcome == Outcome::refused) {
        expect_refused(file, image.words, image.declared);
        EXPECT_FALSE(image.words.empty());
    } else {
        EXPECT_EQ(refusal_of(file, image.declared), "");
    }
}

TEST(hostile_images, are_refused_with_words_or_pass) {
    for (const HostileImage& image : tests::hostile_images()) {
        if (image.is_for_the_gate()) expect_outcome(image);
    }
}

TEST(hostile_images, are_plain_disks_where_only_the_circumstance_is_hostile) {
    for (const HostileImage& image : tests::hostile_images()) {
        if (image.is_for_the_gate()) continue;
        EXPECT_EQ(refusal_of(image.make(), image.declared), "") << image.name;
    }
}

TEST(hostile_images, have_the_numbers_from_1_to_72_in_turn) {
    std::set<int> numbers;
    int last = 1;
    for (const HostileImage& image : tests::hostile_images()) {
        EXPECT_GE(image.number, last) << image.name;
        last = image.number;
        numbers.insert(image.number);
    }

    EXPECT_EQ(numbers.size(), 72);
    EXPECT_EQ(*numbers.begin(), 1);
    EXPECT_EQ(*numbers.rbegin(), 72);
}

TEST(hostile_images, have_names_of_their_own) {
    std::set<std::string> names;
    for (const HostileImage& image : tests::hostile_images()) {
        EXPECT_TRUE(names.insert(image.name).second) << image.name;
    }
}

}  // namespace

}  // namespace kiln::builder::gate
