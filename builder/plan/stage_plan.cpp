#include "builder/plan/stage_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "builder/plan/canonical_text.hpp"
#include "builder/recipe/read_base.hpp"

namespace kiln::builder {

namespace {

/// To be changed when the same words make something else of a disk than before.
constexpr const char* key_version = "kiln stage 1";

void add_packages_base(CanonicalText& text, const Recipe& recipe) {
    std::vector<std::string> packages = recipe.packages;
    std::ranges::sort(packages);
    text.add("kind", base_name(recipe));
    text.add("suite", recipe.suite);
    text.add("mirror", recipe.mirror);
    text.add("architecture", to_text(recipe.architecture));
    text.add("boot_mode", to_text(recipe.boot_mode));
    text.add("secure_boot", std::uint64_t{recipe.secure_boot});
    text.add("boot", static_cast<std::uint64_t>(recipe.boot));
    text.add("login_user", recipe.login_user);
    text.add("packages", packages);
}

Stage base_stage(const Recipe& recipe, const std::optional<LayerId>& base) {
    CanonicalText text;
    text.add("version", key_version);
    if (base) {
        text.add("layer", base->str());
    } else {
        add_packages_base(text, recipe);
    }
    text.add("size", recipe.size.value);
    return {.kind = StageKind::base,
            .name = fmt::format("base: {}", base ? "the image's disk" : base_name(recipe)),
            .key = text.sha256_hex()};
}

Stage step_stage(const Recipe& recipe, std::size_t index, const std::string& parent_key) {
    const Step& step = recipe.steps[index];
    CanonicalText text;
    text.add("parent", parent_key);
    add_action(text, step.action);
    return {.kind = is_online(step) ? StageKind::online : StageKind::offline,
            .name = fmt::format("step {}: {}", index + 1, step.name),
            .key = text.sha256_hex(),
            .step = index};
}

}  // namespace

std::vector<Stage> plan_stages(const Recipe& recipe, const std::optional<LayerId>& base) {
    std::vector<Stage> stages{base_stage(recipe, base)};
    for (std::size_t index = 0; index < recipe.steps.size(); ++index)
        stages.push_back(step_stage(recipe, index, stages.back().key));
    return stages;
}

}  // namespace kiln::builder
