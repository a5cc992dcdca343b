#include "builder/recipe/read_steps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>

#include "builder/recipe/read_base.hpp"
#include "builder/recipe/read_files.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t max_verify_steps = 20;
constexpr std::size_t max_script_length = 64U << 10U;
constexpr std::size_t max_cloud_config_length = 12U << 10U;  // user data is 16 KiB in base64
constexpr std::size_t max_interpreter_length = 256;
constexpr std::size_t max_variables = 50;
constexpr std::size_t max_variable_length = 4U << 10U;
constexpr std::size_t max_name_length = 100;
constexpr std::size_t max_fetch_length = 1'024;
constexpr NumberRange retries_range{.least = 0, .most = 10};
constexpr std::chrono::hours longest_time_limit{4};
constexpr const char* cloud_config_header = "#cloud-config";

using Words = std::vector<std::string>;

std::string read_interpreter(const YamlReader& reader, const YAML::Node& node) {
    std::string interpreter = reader.text(node, "interpreter", max_interpreter_length);
    if (interpreter.starts_with('/') && interpreter.find('\n') == std::string::npos)
        return interpreter;
    reader.fail(node, "'interpreter' is a program of the guest and its options, as /bin/bash -eu");
}

Environment read_environment(const YamlReader& reader, const YAML::Node& node) {
    static const std::regex form("[A-Za-z_][A-Za-z0-9_]*");
    if (!node.IsMap()) reader.fail(node, "'environment' is a mapping of names and values");
    if (node.size() > max_variables)
        reader.fail(node, fmt::format("'environment' has more than {} entries", max_variables));
    Environment environment;
    for (const auto& entry : node) {
        const std::string name = reader.text(entry.first, "environment", max_name_length);
        if (!std::regex_match(name, form))
            reader.fail(entry.first, fmt::format("'{}' is no name of a variable", name));
        if (!entry.second.IsScalar() || entry.second.Scalar().size() > max_variable_length) {
            reader.fail(entry.second, fmt::format("'{}' is a text of at most {} characters", name,
                                                  max_variable_length));
        }
        reader.count(entry.second, entry.second.Scalar().size());
        environment.emplace_back(name, entry.second.Scalar());
    }
    std::ranges::sort(environment);
    return environment;
}

/// A script with what stands beside it.
template <class Script>
Script read_script(const YamlReader& reader, SourceReader& sources, const YAML::Node& step,
                   const std::string& key) {
    Script script{.script = sources.text_or_file(step[key], key, max_script_length)};
    if (const auto node = step["interpreter"]) script.interpreter = read_interpreter(reader, node);
    if (const auto node = step["environment"]) script.environment = read_environment(reader, node);
    return script;
}

CloudConfigStep read_cloud_config(SourceReader& sources, const YAML::Node& node) {
    std::string text = sources.text_or_file(node, "cloud_config", max_cloud_config_length);
    if (!text.starts_with(cloud_config_header))
        text = fmt::format("{}\n{}", cloud_config_header, text);
    return {.text = std::move(text)};
}

SealedThing sealed_thing(const YamlReader& reader, const YAML::Node& node) {
    static const std::vector<std::pair<std::string, SealedThing>> things{
        {"machine_id", SealedThing::machine_id},
        {"host_keys", SealedThing::host_keys},
        {"cloud_init", SealedThing::cloud_init},
        {"logs", SealedThing::logs},
        {"shell_history", SealedThing::shell_history},
        {"leases", SealedThing::leases},
        {"random_seed", SealedThing::random_seed},
        {"package_cache", SealedThing::package_cache}};
    const std::string word = reader.text(node, "keep", max_name_length);
    Words known;
    for (const auto& [name, thing] : things) {
        if (name == word) return thing;
        known.push_back(name);
    }
    reader.fail(node, fmt::format("nothing that is sealed is called '{}'{}", word,
                                  did_you_mean(word, known)));
}

SealStep read_seal(const YamlReader& reader, const YAML::Node& node) {
    if (node.IsNull()) return {};
    reader.check_mapping(node, "'seal'", {"keep"});
    SealStep step;
    if (const auto keep = node["keep"]) {
        reader.check_list(keep, "keep", max_variables);
        for (const auto& entry : keep)
            step.keep.push_back(sealed_thing(reader, entry));
    }
    std::ranges::sort(step.keep);
    return step;
}

/// The one of the actions that the step has, and besides it only what goes with that.
std::string action_of(const YamlReader& reader, const YAML::Node& step,
                      const std::vector<std::pair<std::string, Words>>& actions) {
    if (!step.IsMap()) reader.fail(step, "a step is a mapping: 'run: …' and so on");
    Words names;
    Words found;
    for (const auto& [name, beside] : actions) {
        names.push_back(name);
        if (step[name]) found.push_back(name);
    }
    if (found.size() > 1) {
        reader.fail(step,
                    fmt::format("a step does one thing: this has {}", fmt::join(found, " and ")));
    }
    Words known{"name", "retries", "time_limit"};
    for (const auto& [name, beside] : actions) {
        if (!found.empty() && name != found.front()) continue;
        known.push_back(name);
        known.insert(known.end(), beside.begin(), beside.end());
    }
    reader.check_mapping(step, "a step", known);
    if (found.empty())
        reader.fail(step, fmt::format("a step has one of {}", fmt::join(names, ", ")));
    return found.front();
}

const std::vector<std::pair<std::string, Words>>& step_actions() {
    static const std::vector<std::pair<std::string, Words>> actions{
        {"packages", {}},
        {"files", {}},
        {"users", {}},
        {"run", {"interpreter", "environment"}},
        {"provision", {"interpreter", "environment", "login_user"}},
        {"cloud_config", {}},
        {"seal", {}}};
    return actions;
}

StepAction read_action(const YamlReader& reader, SourceReader& sources, const YAML::Node& step,
                       const std::string& action) {
    const YAML::Node value = step[action];
    if (action == "packages") return PackagesStep{.packages = read_packages(reader, value)};
    if (action == "files") return read_files(reader, sources, value);
    if (action == "users") return read_users(reader, value);
    if (action == "run") return read_script<RunStep>(reader, sources, step, action);
    if (action == "cloud_config") return read_cloud_config(sources, value);
    if (action == "seal") return read_seal(reader, value);
    auto provision = read_script<ProvisionStep>(reader, sources, step, action);
    if (const auto user = step["login_user"])
        provision.login_user = read_user_name(reader, user, "login_user");
    return provision;
}

/// What every step may say.
template <class AnyStep>
void read_limits(const YamlReader& reader, const YAML::Node& node, AnyStep& step) {
    if (const auto name = node["name"]) step.name = reader.text(name, "name", max_name_length);
    if (const auto retries = node["retries"])
        step.retries = static_cast<int>(reader.number(retries, "retries", retries_range));
    if (const auto limit = node["time_limit"])
        step.time_limit = reader.duration(limit, "time_limit", longest_time_limit);
}

void check_step_fits(const YamlReader& reader, const YAML::Node& node, const std::string& action,
                     const Recipe& recipe) {
    if (!is_made_of_packages(recipe) || recipe.kind == RecipeKind::debian) return;
    const std::string base = base_name(recipe);
    if (action == "packages")
        reader.fail(node, fmt::format("base '{}' takes no packages; use debian-12", base));
    if (action == "cloud_config")
        reader.fail(node, fmt::format("base '{}' has no cloud-init; use debian-12", base));
}

VerifyFetch read_fetch(const YamlReader& reader, const YAML::Node& node) {
    reader.check_mapping(node, "'fetch'", {"port", "path", "status", "text"});
    VerifyFetch fetch;
    if (const auto port = node["port"]) {
        fetch.port =
            static_cast<std::uint16_t>(reader.number(port, "port", {.least = 1, .most = 65'535}));
    }
    if (const auto path = node["path"]) {
        static const std::regex form("/[!-~]*");
        fetch.path = reader.text(path, "path", max_fetch_length);
        if (!std::regex_match(fetch.path, form))
            reader.fail(path, "'path' is that of a URL, as /index.html");
    }
    if (const auto status = node["status"]) {
        fetch.expected_status = static_cast<std::uint16_t>(
            reader.number(status, "status", {.least = 100, .most = 599}));
    }
    if (const auto text = node["text"])
        fetch.expected_text = reader.text(text, "text", max_fetch_length);
    return fetch;
}

}  // namespace

std::vector<Step> read_steps(const YamlReader& reader, SourceReader& sources,
                             const YAML::Node& node, const Recipe& recipe) {
    reader.check_list(node, "steps", max_steps);
    std::vector<Step> steps;
    for (const auto& entry : node) {
        const std::string action = action_of(reader, entry, step_actions());
        check_step_fits(reader, entry, action, recipe);
        Step step{.name = action, .action = read_action(reader, sources, entry, action)};
        read_limits(reader, entry, step);
        steps.push_back(std::move(step));
    }
    return steps;
}

std::vector<VerifyStep> read_verify(const YamlReader& reader, SourceReader& sources,
                                    const YAML::Node& node) {
    reader.check_list(node, "verify", max_verify_steps);
    std::vector<VerifyStep> steps;
    for (const auto& entry : node) {
        const std::string action =
            action_of(reader, entry, {{"run", {"interpreter", "environment"}}, {"fetch", {}}});
        VerifyStep step{.name = action};
        if (action == "run") {
            step.check = read_script<VerifyRun>(reader, sources, entry, action);
        } else {
            step.check = read_fetch(reader, entry["fetch"]);
        }
        read_limits(reader, entry, step);
        steps.push_back(std::move(step));
    }
    return steps;
}

}  // namespace kiln::builder
