#include "builder/plan/canonical_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kiln::builder {

namespace {

std::vector<std::string> sorted(std::vector<std::string> texts) {
    std::ranges::sort(texts);
    return texts;
}

void add_environment(CanonicalText& text, const Environment& environment) {
    text.add("variables", environment.size());
    for (const auto& [name, value] : environment) {
        text.add("variable", name);
        text.add("value", value);
    }
}

template <class Script>
void add_script(CanonicalText& text, const Script& step) {
    text.add("script", step.script);
    text.add("interpreter", step.interpreter);
    add_environment(text, step.environment);
}

void add_step(CanonicalText& text, const PackagesStep& step) {
    text.add("packages", sorted(step.packages));
}

void add_step(CanonicalText& text, const FilesStep& step) {
    text.add("files", step.files.size());
    for (const RecipeFile& file : step.files) {
        text.add("path", file.path);
        text.add("content", file.content);
        text.add("mode", file.mode);
        text.add("owner", file.owner);
        text.add("group", file.group);
    }
}

void add_step(CanonicalText& text, const UsersStep& step) {
    text.add("users", step.users.size());
    for (const UserEntry& user : step.users) {
        text.add("name", user.name);
        text.add("uid", user.uid ? std::to_string(*user.uid) : "");
        text.add("groups", sorted(user.groups));
        text.add("shell", user.shell);
        text.add("ssh_keys", user.ssh_keys);
        text.add("sudo", std::uint64_t{user.sudo});
    }
}

void add_step(CanonicalText& text, const RunStep& step) {
    text.add("step", "run");
    add_script(text, step);
}

void add_step(CanonicalText& text, const ProvisionStep& step) {
    text.add("step", "provision");
    add_script(text, step);
    text.add("login_user", step.login_user);
}

void add_step(CanonicalText& text, const CloudConfigStep& step) {
    text.add("cloud_config", step.text);
}

void add_step(CanonicalText& text, const SealStep& step) {
    text.add("seal", step.keep.size());
    for (const SealedThing thing : step.keep)
        text.add("keep", static_cast<std::uint64_t>(thing));
}

}  // namespace

void CanonicalText::add(std::string_view name, std::string_view value) {
    digest_.update(fmt::format("{} {}\n", name, value.size()));
    digest_.update(value);
    digest_.update("\n");
}

void CanonicalText::add(std::string_view name, std::uint64_t value) {
    add(name, std::to_string(value));
}

void CanonicalText::add(std::string_view name, const std::vector<std::string>& values) {
    add(name, values.size());
    for (const std::string& value : values)
        add("entry", value);
}

void add_action(CanonicalText& text, const StepAction& action) {
    std::visit([&](const auto& step) { add_step(text, step); }, action);
}

}  // namespace kiln::builder
