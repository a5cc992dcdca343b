#include <gmock/gmock.h>

#include <string>

#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using testing::HasSubstr;

TEST(LineageTest, a_changed_guest_becomes_a_version_whose_history_and_changes_are_shown) {
    KilnHost host("tiny");
    host.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
    const Arguments options{"--key-name", "k", "--instance-type", "t3.nano"};
    host.kiln_json({"tag-image", "golden", host.image_id()});
    const std::string original = host.run_instance("golden:latest", options);
    host.ssh(original, "echo written > /root/by-the-guest && chmod 600 /root/by-the-guest && sync");
    const std::string captured = host.kiln_json({"create-image", "--instance-id", original,
                                                 "--name", "golden-2", "--no-reboot", "--wait"})
                                     .at("ImageId");

    const std::string history = host.kiln({"history", captured}).standard_output;
    EXPECT_THAT(history, HasSubstr("* " + captured + "  golden-2  "));
    EXPECT_THAT(history, HasSubstr("| captured from " + original + "\n* " + host.image_id()));
    EXPECT_THAT(history, HasSubstr("(golden:latest)\n  built from a recipe\n"));

    const ProcessResult diff = host.kiln({"diff", "golden", captured});
    EXPECT_EQ(diff.exit_status, 0) << diff.standard_error;
    EXPECT_THAT(diff.standard_output, HasSubstr("  + /root/by-the-guest  (8 B)\n"));
    const nlohmann::json changes =
        host.kiln_json({"diff", "golden", captured, "--path", "/root/by-the-guest"})
            .at("Files")
            .at("Changes");
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes.at(0).at("To").at("Mode"), "100600");

    host.kiln_json({"tag-image", "golden", captured});
    const std::string moved = host.run_instance("golden", options);
    EXPECT_EQ(host.instance(moved).at("ImageId"), captured);
    EXPECT_EQ(host.ssh(moved, "cat /root/by-the-guest"), "written");
}

}  // namespace

}  // namespace kiln::tests
