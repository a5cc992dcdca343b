#include "builder/offline/offline_steps.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "builder/offline/guest_accounts.hpp"
#include "builder/offline/seal.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::builder {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Words = std::vector<std::string>;
using std::chrono::seconds;

constexpr const char* passwd =
    "root:x:0:0:root:/root:/bin/bash\nbroken\n"
    "web:x:1001:1002:,,,:/home/web:/bin/sh\nodd:x:none:1:::\n";

TEST(GuestAccounts, are_found_by_their_names) {
    EXPECT_EQ(find_user(passwd, "web")->uid, 1001U);
    EXPECT_EQ(find_user(passwd, "web")->gid, 1002U);
    EXPECT_EQ(find_user(passwd, "web")->home, "/home/web");
    for (const char* name : {"we", "broken", "odd", "", "x"})
        EXPECT_FALSE(find_user(passwd, name)) << name;
    EXPECT_EQ(find_group("root:x:0:\nwww-data:x:33:\n", "www-data"), 33U);
    EXPECT_FALSE(find_group("root:x:0:\n", "www"));
}

TEST(NumericId, stands_for_itself) {
    EXPECT_EQ(numeric_id("0"), 0U);
    EXPECT_EQ(numeric_id("65534"), 65534U);
    for (const char* text : {"", "12a", "-1", "4294967296", " 1"})
        EXPECT_FALSE(numeric_id(text)) << text;
}

TEST(UserAdd, says_what_the_recipe_says) {
    EXPECT_THAT(useradd({.name = "web"}),
                ElementsAre("useradd", "--create-home", "--user-group", "--", "web"));
    EXPECT_THAT(useradd({.name = "web", .uid = 2000, .groups = {"adm", "x"}, .shell = "/bin/bash"}),
                ElementsAre("useradd", "--create-home", "--user-group", "--uid", "2000", "--groups",
                            "adm,x", "--shell", "/bin/bash", "--", "web"));
}

TEST(UserMod, changes_only_what_is_named) {
    EXPECT_THAT(usermod({.name = "root", .ssh_keys = {"k"}, .sudo = true}), IsEmpty());
    EXPECT_THAT(usermod({.name = "web", .groups = {"adm"}}),
                ElementsAre("usermod", "--append", "--groups", "adm", "--", "web"));
}

TEST(WithKeys, keeps_what_is_there_and_adds_each_once) {
    EXPECT_EQ(with_keys("", {"a", "b\n"}), "a\nb\n");
    EXPECT_EQ(with_keys("a\nc", {"a", "b"}), "a\nc\nb\n");
    EXPECT_EQ(with_keys("a\n", {"a"}), "a\n");
}

TEST(LogLines, tells_each_line_that_says_something) {
    Words lines;
    log_lines("one\n\ntwo\n", [&](std::string_view line) { lines.emplace_back(line); });
    EXPECT_THAT(lines, ElementsAre("one", "two"));
    log_lines("", [](std::string_view) { FAIL(); });
}

TEST(CheckScript, throws_the_last_words_and_why) {
    const auto message = [](int status, const std::string& output) {
        return tests::error_message_of(
            [&] { check_script({.exit_status = status, .output = output}, seconds(5)); });
    };
    EXPECT_EQ(message(0, "well"), "");
    EXPECT_EQ(message(3, "no room\n"), "the script failed with exit status 3: no room");
    EXPECT_THAT(message(1, ""), HasSubstr("it said nothing"));
    EXPECT_THAT(message(124, "half"), AllOf(HasSubstr("longer than 5 s"), HasSubstr("half")));
    const std::string much = std::string(5000, 'x') + "end";
    EXPECT_THAT(message(1, much), AllOf(HasSubstr("xend"), Not(HasSubstr(much))));
}

bool has_pattern(const std::vector<SealRule>& rules, const std::string& pattern) {
    return std::ranges::find(rules, pattern, &SealRule::pattern) != rules.end();
}

TEST(WithoutTrialKeys, keeps_all_other_lines) {
    EXPECT_EQ(without_trial_keys("ssh-rsa A me\nssh-ed25519 B kiln-trial\n# c\nssh-rsa D you"),
              "ssh-rsa A me\n# c\nssh-rsa D you");
    EXPECT_EQ(without_trial_keys("ssh-ed25519 B kiln-trial"), "");
    EXPECT_EQ(without_trial_keys(""), "");
    EXPECT_EQ(without_trial_keys("\n\n"), "\n\n");
}

TEST(SealRules, cover_everything_unless_something_is_kept) {
    const auto all = seal_rules({});
    for (const char* pattern :
         {"/etc/machine-id", "/etc/ssh/ssh_host_*", "/var/lib/cloud/[!s]*", "/var/log",
          "/root/.*_history", "/var/lib/dhcp/*", "/var/lib/systemd/random-seed",
          "/var/lib/apt/lists/*", "/tmp/*", "/etc/shadow-"}) {
        EXPECT_TRUE(has_pattern(all, pattern)) << pattern;
    }
}

TEST(SealRules, leave_what_is_kept) {
    for (const SealedThing kept :
         {SealedThing::machine_id, SealedThing::host_keys, SealedThing::cloud_init,
          SealedThing::logs, SealedThing::shell_history, SealedThing::leases,
          SealedThing::random_seed, SealedThing::package_cache}) {
        const auto rules = seal_rules({.keep = {kept}});
        EXPECT_LT(rules.size(), seal_rules({}).size());
        EXPECT_TRUE(
            std::ranges::none_of(rules, [&](const SealRule& rule) { return rule.thing == kept; }));
    }
    EXPECT_FALSE(
        has_pattern(seal_rules({.keep = {SealedThing::host_keys}}), "/etc/ssh/ssh_host_*"));
}

/// systemd takes a boot without the file for the first one of all.
TEST(SealRules, the_machine_id_stays_as_an_empty_file) {
    const auto rules = seal_rules({});
    const auto rule = std::ranges::find(rules, "/etc/machine-id", &SealRule::pattern);
    ASSERT_NE(rule, rules.end());
    EXPECT_EQ(rule->way, SealWay::make_empty);
}

}  // namespace

}  // namespace kiln::builder
