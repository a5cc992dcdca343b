#include "images/catalog/attributes.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace kiln::images {

namespace {

/// Every value's word leads back to the value, and no other word does.
template <class Enum>
void expect_words(Enum (*parse)(std::string_view), const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto value = static_cast<Enum>(i);
        EXPECT_EQ(to_text(value), words[i]);
        EXPECT_EQ(parse(words[i]), value);
    }
    try {
        parse("no-such-word");
        FAIL() << "accepted no-such-word";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "InvalidParameterValue");
        EXPECT_NE(error.message().find(words.back()), std::string::npos) << error.message();
    }
}

TEST(Attributes, words_are_ec2_s_own) {
    expect_words(parse_architecture, {"i386", "x86_64", "arm64"});
    expect_words(parse_virtualization_type, {"hvm", "paravirtual"});
    expect_words(parse_boot_mode, {"legacy-bios", "uefi", "uefi-preferred"});
    expect_words(parse_image_state, {"pending", "available", "deregistered", "failed"});
    expect_words(parse_snapshot_state, {"pending", "completed", "error"});
    expect_words(parse_layer_state, {"creating", "live", "frozen", "deleting"});
    expect_words(parse_volume_state,
                 {"creating", "available", "in-use", "deleting", "deleted", "error"});
    expect_words(parse_attachment_state, {"", "attaching", "attached", "detaching"});
    expect_words(parse_instance_state,
                 {"pending", "running", "shutting-down", "terminated", "stopping", "stopped"});
    expect_words(parse_shutdown_behavior, {"stop", "terminate"});
    expect_words(parse_usage_kind, {"instance", "volume", "snapshot", "bundle"});
}

TEST(Attributes, words_are_matched_as_a_whole_and_by_case) {
    for (const std::string_view word : {"", "Hvm", "hvm ", "hv"})
        EXPECT_THROW(parse_virtualization_type(word), Error) << word;
}

TEST(Attributes, instance_states_have_ec2_s_codes) {
    EXPECT_EQ(state_code(InstanceState::pending), 0);
    EXPECT_EQ(state_code(InstanceState::running), 16);
    EXPECT_EQ(state_code(InstanceState::shutting_down), 32);
    EXPECT_EQ(state_code(InstanceState::terminated), 48);
    EXPECT_EQ(state_code(InstanceState::stopping), 64);
    EXPECT_EQ(state_code(InstanceState::stopped), 80);
}

}  // namespace

}  // namespace kiln::images
