#include "builder/plan/stage_plan.hpp"

#include <gmock/gmock.h>

namespace kiln::builder {

namespace {

using ::testing::SizeIs;
using namespace std::chrono_literals;

Step run(const std::string& script) {
    return {.name = "run", .action = RunStep{.script = script}};
}

/// Six steps on a small base.
Recipe six_steps() {
    Recipe recipe = builtin_recipe("tiny");
    for (int i = 1; i <= 6; ++i)
        recipe.steps.push_back(run("echo " + std::to_string(i)));
    return recipe;
}

std::vector<std::string> keys_of(const Recipe& recipe,
                                 const std::optional<LayerId>& base = std::nullopt) {
    std::vector<std::string> keys;
    for (const Stage& stage : plan_stages(recipe, base))
        keys.push_back(stage.key);
    return keys;
}

/// How many stages of the two begin alike.
std::size_t shared(const Recipe& one, const Recipe& other) {
    const auto a = keys_of(one);
    const auto b = keys_of(other);
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

TEST(stage_plan, has_the_base_and_a_stage_for_each_step) {
    Recipe recipe = six_steps();
    recipe.steps[5].action = ProvisionStep{.script = "a"};
    const auto stages = plan_stages(recipe, std::nullopt);

    ASSERT_THAT(stages, SizeIs(7));
    EXPECT_EQ(stages[0].kind, StageKind::base);
    EXPECT_EQ(stages[0].name, "base: tiny");
    EXPECT_EQ(stages[0].step, std::nullopt);
    EXPECT_EQ(stages[1].kind, StageKind::offline);
    EXPECT_EQ(stages[1].name, "step 1: run");
    EXPECT_EQ(stages[1].step, 0U);
    EXPECT_EQ(stages[6].kind, StageKind::online);
    EXPECT_THAT(stages[6].key, SizeIs(64));
}

TEST(stage_plan, the_same_recipe_has_the_same_keys) {
    EXPECT_EQ(keys_of(six_steps()), keys_of(six_steps()));
}

TEST(stage_plan, a_changed_step_changes_its_key_and_those_after_it) {
    Recipe changed = six_steps();
    changed.steps[4] = run("echo other");
    EXPECT_EQ(shared(six_steps(), changed), 5U) << "the base and four steps";

    const auto before = keys_of(six_steps());
    const auto after = keys_of(changed);
    EXPECT_NE(before[5], after[5]);
    EXPECT_NE(before[6], after[6]) << "it stands on another layer";
}

TEST(stage_plan, what_says_only_how_a_step_is_tried_changes_nothing) {
    Recipe changed = six_steps();
    changed.steps[0].name = "another name";
    changed.steps[1].retries = 3;
    changed.steps[2].time_limit = 5s;
    changed.description = "another description";
    changed.verify = {{.name = "run", .check = VerifyRun{.script = "true"}}};
    changed.tags = {{.key = "a", .value = "b"}};
    changed.tpm = true;
    EXPECT_EQ(keys_of(changed), keys_of(six_steps()));
}

struct Change {
    const char* name;
    void (*change)(Recipe& recipe);
};

class ChangedBase : public testing::TestWithParam<Change> {};

TEST_P(ChangedBase, changes_all_keys) {
    Recipe changed = six_steps();
    GetParam().change(changed);
    EXPECT_EQ(shared(six_steps(), changed), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    bases, ChangedBase,
    testing::Values(Change{"kind", [](Recipe& r) { r.kind = RecipeKind::debian; }},
                    Change{"suite", [](Recipe& r) { r.suite = "trixie"; }},
                    Change{"mirror", [](Recipe& r) { r.mirror = "http://a/"; }},
                    Change{"size", [](Recipe& r) { r.size = Bytes::gibibytes(1); }},
                    Change{"packages", [](Recipe& r) { r.packages = {"vim"}; }},
                    Change{"user", [](Recipe& r) { r.login_user = "admin"; }},
                    Change{"architecture",
                           [](Recipe& r) { r.architecture = images::Architecture::arm64; }},
                    Change{"boot_mode", [](Recipe& r) { r.boot_mode = images::BootMode::uefi; }},
                    Change{"secure_boot", [](Recipe& r) { r.secure_boot = true; }},
                    Change{"boot", [](Recipe& r) { r.boot = RecipeBoot::pv_grub_hd0; }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(stage_plan, the_order_of_packages_changes_nothing) {
    Recipe one = builtin_recipe("debian-12");
    Recipe other = one;
    one.packages = {"vim", "nginx"};
    other.packages = {"nginx", "vim"};
    EXPECT_EQ(keys_of(one), keys_of(other));
}

TEST(stage_plan, another_layer_of_the_base_image_changes_all_keys) {
    const LayerId one = LayerId::generate();
    EXPECT_EQ(keys_of(six_steps(), one), keys_of(six_steps(), one));
    EXPECT_NE(keys_of(six_steps(), one)[0], keys_of(six_steps(), LayerId::generate())[0]);
    EXPECT_NE(keys_of(six_steps(), one)[0], keys_of(six_steps())[0]);
}

struct Pair {
    const char* name;
    StepAction one;
    StepAction other;
};

class TwoSteps : public testing::TestWithParam<Pair> {};

TEST_P(TwoSteps, that_do_different_things_have_different_keys) {
    Recipe one = builtin_recipe("debian-12");
    Recipe other = one;
    one.steps = {{.name = "step", .action = GetParam().one}};
    other.steps = {{.name = "step", .action = GetParam().other}};
    EXPECT_EQ(shared(one, other), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    steps, TwoSteps,
    testing::Values(
        Pair{"script", RunStep{.script = "a"}, RunStep{.script = "b"}},
        Pair{"interpreter", RunStep{.script = "a"},
             RunStep{.script = "a", .interpreter = "/bin/bash"}},
        Pair{"variables", RunStep{.script = "a", .environment = {{"A", "bc"}}},
             RunStep{.script = "a", .environment = {{"Ab", "c"}}}},
        Pair{"where_it_runs", RunStep{.script = "a"}, ProvisionStep{.script = "a"}},
        Pair{"who_runs_it", ProvisionStep{.script = "a"},
             ProvisionStep{.script = "a", .login_user = "admin"}},
        Pair{"content", FilesStep{{{.path = "/a", .content = "b"}}},
             FilesStep{{{.path = "/a", .content = "c"}}}},
        Pair{"path", FilesStep{{{.path = "/a", .content = "b"}}},
             FilesStep{{{.path = "/b", .content = "b"}}}},
        Pair{"mode", FilesStep{{{.path = "/a", .content = "b"}}},
             FilesStep{{{.path = "/a", .content = "b", .mode = 0600}}}},
        Pair{"owner", FilesStep{{{.path = "/a", .content = "b"}}},
             FilesStep{{{.path = "/a", .content = "b", .owner = "me"}}}},
        Pair{"one_file_or_two", FilesStep{{{.path = "/a", .content = "b"}}},
             FilesStep{{{.path = "/a", .content = "b"}, {.path = "/b", .content = "b"}}}},
        Pair{"packages", PackagesStep{{"vim"}}, PackagesStep{{"vim", "nginx"}}},
        Pair{"uid", UsersStep{{{.name = "a"}}}, UsersStep{{{.name = "a", .uid = 5}}}},
        Pair{"groups", UsersStep{{{.name = "a"}}}, UsersStep{{{.name = "a", .groups = {"b"}}}}},
        Pair{"keys", UsersStep{{{.name = "a"}}}, UsersStep{{{.name = "a", .ssh_keys = {"b"}}}}},
        Pair{"sudo", UsersStep{{{.name = "a"}}}, UsersStep{{{.name = "a", .sudo = true}}}},
        Pair{"cloud_config", CloudConfigStep{"a"}, CloudConfigStep{"b"}},
        Pair{"what_is_kept", SealStep{}, SealStep{{SealedThing::logs}}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(stage_plan, the_order_of_steps_matters) {
    Recipe turned = six_steps();
    std::swap(turned.steps[2], turned.steps[3]);
    EXPECT_EQ(shared(six_steps(), turned), 3U);
}

}  // namespace

}  // namespace kiln::builder
