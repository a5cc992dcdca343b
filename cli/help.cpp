#include "cli/help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"
#include "cli/actions/run_action.hpp"
#include "cli/options/action_options.hpp"
#include "cli/output/text_width.hpp"

namespace kiln::cli {

namespace {

constexpr std::size_t page_width = 96;
constexpr std::size_t term_column = 2;
constexpr std::size_t help_column = 30;

/// Where a command is listed: by the first of these words that its action's name has.
struct GroupWord {
    const char* word;
    const char* title;
};
constexpr std::array group_words{
    GroupWord{"ImageBuild", "Images"},
    GroupWord{"BuildCache", "Images"},
    GroupWord{"Product", "Market"},
    GroupWord{"ubscri", "Market"},
    GroupWord{"Seller", "Market"},
    GroupWord{"Host", "Places"},
    GroupWord{"LaunchTemplate", "Instances"},
    GroupWord{"PasswordData", "Instances"},
    GroupWord{"Console", "Instances"},
    GroupWord{"Instance", "Instances"},
    GroupWord{"Image", "Images"},
    GroupWord{"KeyPair", "Key pairs"},
    GroupWord{"Volume", "Storage"},
    GroupWord{"Snapshot", "Storage"},
    GroupWord{"Tags", "Tags"},
    GroupWord{"Region", "Places"},
    GroupWord{"AvailabilityZone", "Places"},
    GroupWord{"Cost", "Costs"},
    GroupWord{"Garbage", "Storage"},
    GroupWord{"Bundle", "Images"},
    GroupWord{"SecurityGroup", "Network"},
    GroupWord{"NetworkInterface", "Network"},
    GroupWord{"Vpc", "Network"},
    GroupWord{"Subnet", "Network"},
    GroupWord{"Address", "Network"},
    GroupWord{"AccountAttributes", "Places"},
    GroupWord{"Account", "Accounts"},
    GroupWord{"MapUsers", "Accounts"},
    GroupWord{"Organization", "Accounts"},
    GroupWord{"AccessKey", "Accounts"},
    GroupWord{"SessionToken", "Accounts"},
    GroupWord{"Caller", "Accounts"},
    GroupWord{"Events", "Accounts"},
};
constexpr std::array group_order{"Images", "Instances", "Key pairs", "Storage", "Network", "Tags",
                                 "Places", "Accounts",  "Market",    "Costs",   "Other"};

std::string group_of(const api::Action& action) {
    for (const GroupWord& group : group_words) {
        if (action.name.find(group.word) != std::string::npos) return group.title;
    }
    return "Other";
}

/// Breaks the text into lines that fit between `column` and the page's edge.
std::string wrapped(const std::string& text, std::size_t column) {
    std::string lines;
    std::size_t used = column;
    for (const std::string& word : split(text, ' ')) {
        const std::size_t width = text_width(word);
        if (used > column && used + 1 + width > page_width) {
            lines += '\n' + std::string(column, ' ');
            used = column;
        } else if (used > column) {
            lines += ' ';
            ++used;
        }
        lines += word;
        used += width;
    }
    return lines;
}

/// Breaks a term that is wider than the page after its commas.
std::string wrapped_term(const std::string& term) {
    std::string lines;
    std::size_t used = term_column;
    for (const std::string& part : split(term, ',')) {
        const std::size_t width = text_width(part) + 1;
        if (used > term_column && used + width > page_width) {
            lines += '\n' + std::string(2 * term_column, ' ');
            used = 2 * term_column;
        }
        lines += part + ',';
        used += width;
    }
    lines.pop_back();
    return lines;
}

std::string entry(const std::string& term, const std::string& meaning) {
    std::string text = std::string(term_column, ' ') + wrapped_term(term);
    const std::size_t width = text_width(text);
    if (width + 2 > help_column) {
        text += '\n' + std::string(help_column, ' ');
    } else {
        text.append(help_column - width, ' ');
    }
    return text + wrapped(meaning, help_column) + '\n';
}

std::string options_help(const std::vector<Option>& options) {
    std::string text;
    for (const Option& option : options)
        text += entry(option_syntax(option), (option.required ? "Required. " : "") + option.help);
    return text;
}

/// "ImageId" is IMAGE-ID.
std::string in_capitals(const std::string& wire) {
    std::string capitals = to_kebab_case(wire);
    std::ranges::transform(capitals, capitals.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return capitals;
}

std::string usage_of(const api::Action& action) {
    std::string usage = "kiln " + to_kebab_case(action.name);
    for (const Option& option : options_of(action)) {
        if (option.required) usage += " " + option_syntax(option);
    }
    return wrapped(usage + " [options]", 0);
}

}  // namespace

Option help_option() {
    return {.name = "help", .letter = 'h', .arity = Arity::none, .help = "Show this"};
}

std::string option_syntax(const Option& option) {
    std::string syntax = option.letter == '\0' ? "" : fmt::format("-{}, ", option.letter);
    syntax += "--" + option.name;
    if (!option.placeholder.empty()) syntax += " " + option.placeholder;
    if (!option.negative.empty()) syntax += " | --" + option.negative;
    return syntax;
}

std::vector<ActionGroup> action_groups(const std::vector<api::Action>& actions) {
    std::vector<ActionGroup> groups;
    for (const char* title : group_order) {
        ActionGroup group{.title = title, .actions = {}};
        for (const api::Action& action : actions) {
            if (!action.hidden && group_of(action) == title) group.actions.push_back(&action);
        }
        if (!group.actions.empty()) groups.push_back(std::move(group));
    }
    return groups;
}

std::string program_help() {
    std::string text =
        "kiln builds golden machine images and launches real virtual machines from them.\n\n"
        "Usage: kiln COMMAND [options]\n\nCommands:\n";
    for (const Command& command : commands()) {
        if (!command.hidden) text += entry(command.name, command.summary);
    }
    for (const ActionGroup& group : action_groups(api::actions())) {
        text += "\n" + group.title + ":\n";
        for (const api::Action* action : group.actions)
            text += entry(to_kebab_case(action->name), action->summary);
    }
    return text +
           "\n'kiln COMMAND --help' shows a command's options and an example. --region, --account "
           "and "
           "--output\nmay stand before the command, too.\n";
}

std::string command_help(const Command& command) {
    std::string text =
        fmt::format("{}\n\nUsage: kiln {} {}\n", command.summary, command.name, command.usage);
    if (!command.details.empty()) text += "\n" + wrapped(command.details, 0) + "\n";
    text += "\nOptions:\n" + options_help(command.options) + options_help({help_option()});
    return text + "\nExample:\n  " + command.example + "\n";
}

std::string action_help(const api::Action& action) {
    std::string text = fmt::format("{}\n\nUsage: {}\n", action.summary, usage_of(action));
    if (const api::Parameter* bare = bare_parameter(action)) {
        text += fmt::format("       kiln {} {}{} [options]\n", to_kebab_case(action.name),
                            in_capitals(bare->wire), bare->list ? " …" : "");
    }
    text += "\nOptions:\n" + options_help(command_options(action));
    return text + "\nExample:\n  " + wrapped(action.example, 6) + "\n";
}

}  // namespace kiln::cli
