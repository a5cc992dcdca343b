#include <fmt/format.h>

#include <algorithm>

#include "api/action.hpp"
#include "base/text.hpp"
#include "cli/actions/run_action.hpp"
#include "cli/command.hpp"
#include "cli/commands/commands.hpp"
#include "cli/help.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* bash_script = R"(# bash completion for kiln:  source <(kiln completion bash)
_kiln() {
    local IFS=$'\n'
    COMPREPLY=($(kiln _complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _kiln kiln
)";

int print_script(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments != std::vector<std::string>{"bash"}) {
        refuse_usage("give the shell: kiln completion bash");
    }
    print_result(bash_script);
    return exit_ok;
}

std::vector<Option> options_of_command(const std::string& name) {
    if (const Command* command = find_command(name)) {
        std::vector<Option> options = command->options;
        options.push_back(help_option());
        return options;
    }
    for (const api::Action& action : api::actions()) {
        if (to_kebab_case(action.name) == name) return command_options(action);
    }
    return {};
}

std::vector<std::string> option_names(const std::vector<Option>& options) {
    std::vector<std::string> names;
    for (const Option& option : options) {
        names.push_back("--" + option.name);
        if (!option.negative.empty()) names.push_back("--" + option.negative);
    }
    return names;
}

/// The choices of the option before the last word.
std::vector<std::string> choices_of(const std::vector<Option>& options,
                                    const std::vector<std::string>& words) {
    const std::string& before = words[words.size() - 2];
    for (const Option& option : options) {
        if (before == "--" + option.name) return option.choices;
    }
    return {};
}

/// What may stand in the place of the last word.
std::vector<std::string> candidates(std::vector<std::string> words) {
    const std::size_t before = words_before_command(words);
    if (before > words.size()) return option_names(shared_options());
    if (before > 0 && before == words.size()) return choices_of(shared_options(), words);
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(before));
    if (words.empty()) return command_names();
    if (words.size() == 1)
        return words[0].starts_with('-') ? option_names(shared_options()) : command_names();
    const std::string& command = words.front();
    if (command == "help") return command_names();
    if (command == "completion") return {"bash"};
    const std::vector<Option> options = options_of_command(command);
    if (words.back().starts_with('-')) return option_names(options);
    return choices_of(options, words);
}

int complete(const CommandLine&, const std::vector<std::string>& words) {
    const std::string begun = words.empty() ? "" : words.back();
    for (const std::string& candidate : candidates(words)) {
        if (candidate.starts_with(begun)) print_result(candidate + "\n");
    }
    return exit_ok;
}

}  // namespace

Command completion_command() {
    return {.name = "completion",
            .summary = "Print the script that makes a shell complete kiln's commands and options",
            .usage = "bash",
            .example = "source <(kiln completion bash)",
            .run = print_script};
}

Command complete_command() {
    return {.name = "_complete",
            .summary = "Print what may complete the last word",
            .usage = "-- [WORD …]",
            .example = "kiln _complete -- run-instances --im",
            .hidden = true,
            .own_arguments = 0,
            .run = complete};
}

}  // namespace kiln::cli
