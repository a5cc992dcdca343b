#include "cli/options/action_options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/options/value.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

using api::Action;
using api::Parameter;
using api::Shape;
using api::WirePairs;

namespace {

bool takes_two_values(const Parameter& parameter) {
    if (parameter.list) return false;
    return parameter.shape == Shape::boolean ||
           (parameter.attribute_value && parameter.members.front().shape == Shape::boolean);
}

/// EC2's NoReboot is --no-reboot, and its opposite --reboot.
std::string opposite_of(const std::string& option) {
    constexpr std::string_view no = "no-";
    return option.starts_with(no) ? option.substr(no.size()) : std::string(no) + option;
}

Option option_of(const Parameter& parameter) {
    Option option{.name = to_kebab_case(parameter.name),
                  .arity = parameter.list ? Arity::many : Arity::one,
                  .help = parameter.help,
                  .required = parameter.required,
                  .choices = parameter.choices};
    if (takes_two_values(parameter)) {
        option.negative = opposite_of(option.name);
        option.arity = parameter.attribute_value ? Arity::optional : Arity::none;
    } else {
        option.placeholder = placeholder_of(parameter);
    }
    return option;
}

const Parameter* parameter_of(const Action& action, const std::string& option, bool negative) {
    for (const Parameter& parameter : action.parameters) {
        if (parameter.hidden) continue;
        const std::string name = to_kebab_case(parameter.name);
        if (!negative && name == option) return &parameter;
        if (negative && takes_two_values(parameter) && opposite_of(name) == option) {
            return &parameter;
        }
    }
    return nullptr;
}

void append(WirePairs& pairs, WirePairs more) {
    std::ranges::move(more, std::back_inserter(pairs));
}

WirePairs expand(const api::CliOption& option, const std::string& text) {
    try {
        return option.expand(text);
    } catch (const Error& error) {
        refuse_usage(fmt::format("--{}: {}", option.option, error.message()));
    }
}

void check_required(const Action& action, const WirePairs& pairs) {
    for (const Parameter& parameter : action.parameters) {
        if (!parameter.required || parameter.hidden) continue;
        const bool given = std::ranges::any_of(pairs, [&](const auto& pair) {
            return pair.first == parameter.wire || pair.first.starts_with(parameter.wire + ".");
        });
        if (!given) {
            refuse_usage(
                fmt::format("the option '--{}' is required", to_kebab_case(parameter.name)));
        }
    }
}

void check_not_both(const CommandLine& line, const Parameter& parameter) {
    const std::string name = to_kebab_case(parameter.name);
    if (line.has(name) && line.has(opposite_of(name))) {
        refuse_usage(fmt::format("--{} and --{} exclude each other", name, opposite_of(name)));
    }
}

WirePairs pairs_of_option(const Action& action, const CommandLine& line,
                          const std::string& option) {
    if (const Parameter* parameter = parameter_of(action, option, false)) {
        if (parameter->shape == Shape::boolean && !parameter->list) {
            check_not_both(line, *parameter);
            return {{parameter->wire, "true"}};
        }
        return wire_pairs_of(*parameter, line.values(option));
    }
    if (const Parameter* parameter = parameter_of(action, option, true)) {
        check_not_both(line, *parameter);
        return {{parameter->wire + (parameter->attribute_value ? ".Value" : ""), "false"}};
    }
    const auto own = std::ranges::find(action.cli_options, option, &api::CliOption::option);
    if (own == action.cli_options.end()) return {};
    return expand(*own, line.value(option).value_or(""));
}

WirePairs pairs_of_arguments(const Action& action, const CommandLine& line) {
    if (line.arguments.empty()) return {};
    const Parameter* bare = bare_parameter(action);
    const bool fits = bare != nullptr && (bare->list || line.arguments.size() == 1) &&
                      !line.has(to_kebab_case(bare->name));
    if (!fits) refuse_usage(fmt::format("unexpected argument '{}'", line.arguments.back()));
    return wire_pairs_of(*bare, line.arguments);
}

}  // namespace

std::vector<Option> options_of(const Action& action) {
    std::vector<Option> options;
    for (const Parameter& parameter : action.parameters) {
        if (!parameter.hidden) options.push_back(option_of(parameter));
    }
    for (const api::CliOption& own : action.cli_options) {
        options.push_back({.name = own.option, .placeholder = own.placeholder, .help = own.help});
    }
    std::ranges::stable_partition(options, &Option::required);
    return options;
}

const Parameter* bare_parameter(const Action& action) {
    const Parameter* found = nullptr;
    for (const Parameter& parameter : action.parameters) {
        if (!parameter.required || parameter.hidden) continue;
        if (found != nullptr || parameter.shape != Shape::text) return nullptr;
        found = &parameter;
    }
    return found;
}

WirePairs request_pairs(const Action& action, const CommandLine& line) {
    WirePairs pairs = pairs_of_arguments(action, line);
    std::vector<std::string> done;
    for (const CommandLine::Given& given : line.options) {
        if (std::ranges::find(done, given.name) != done.end()) continue;  // values() took them all
        done.push_back(given.name);
        append(pairs, pairs_of_option(action, line, given.name));
    }
    check_required(action, pairs);
    return pairs;
}

}  // namespace kiln::cli
