#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <exception>

#include "api/action.hpp"
#include "base/text.hpp"
#include "cli/actions/run_action.hpp"
#include "cli/command.hpp"
#include "cli/help.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

const api::Action* action_of_command(const std::string& name) {
    const auto& all = api::actions();
    const auto found = std::ranges::find_if(
        all, [&](const api::Action& action) { return to_kebab_case(action.name) == name; });
    return found == all.end() ? nullptr : &*found;
}

/// Whether the word is an option whose value is the next word.
bool takes_next_word(const std::vector<Option>& options, const std::string& word) {
    return std::ranges::any_of(options, [&](const Option& option) {
        return option.arity == Arity::one &&
               (word == "--" + option.name || word == std::string{'-', option.letter});
    });
}

/// Removes the words that belong to another program from those of the command, and returns them.
std::vector<std::string> take_words_of_others(const std::vector<Option>& options,
                                              std::size_t own_arguments,
                                              std::vector<std::string>& words) {
    auto word = words.begin();
    std::size_t arguments = 0;
    while (word != words.end() && *word != "--") {
        const bool option = word->starts_with('-');
        if (!option && ++arguments > own_arguments) break;
        word += option && takes_next_word(options, *word) && word + 1 != words.end() ? 2 : 1;
    }
    const auto first = word != words.end() && *word == "--" ? word + 1 : word;
    std::vector<std::string> others(first, words.end());
    words.erase(word, words.end());
    return others;
}

int run_command(const Command& command, std::vector<std::string> words) {
    std::vector<Option> options = command.options;
    options.push_back(help_option());
    std::vector<std::string> passed_on;
    if (command.own_arguments) {
        passed_on = take_words_of_others(options, *command.own_arguments, words);
    }
    const CommandLine line = parse_command_line(options, words);
    if (line.has("help")) {
        print_result(command_help(command));
        return exit_ok;
    }
    return command.run(line, passed_on);
}

int dispatch(const std::string& name, const std::vector<std::string>& words) {
    if (const Command* command = find_command(name)) return run_command(*command, words);
    if (const api::Action* action = action_of_command(name)) return run_action(*action, words);
    const char* kind = name.starts_with('-') ? "option" : "command";
    refuse_usage(fmt::format("unknown {} '{}'{}", kind, name, did_you_mean(name, command_names())));
}

/// The command that a first word stands for.
std::string command_of(const std::string& word) {
    if (word == "--help" || word == "-h") return "help";
    if (word == "--version" || word == "-V") return "version";
    return word;
}

/// Options that all actions have may stand before the command, too, as those of `aws` do.
std::vector<std::string> with_command_first(std::vector<std::string> words) {
    const std::size_t before = words_before_command(words);
    if (before == 0) return words;
    if (before >= words.size()) {
        refuse_usage(fmt::format("give a command after the options: kiln {} COMMAND",
                                 fmt::join(words, " ")));
    }
    const auto command = words.begin() + static_cast<std::ptrdiff_t>(before);
    const std::string name = command_of(*command);
    if (name == "help" || name == "version") {
        words.erase(words.begin(), command);  // which mean the same everywhere
    } else {
        std::rotate(words.begin(), command, command + 1);
    }
    return words;
}

int run_words(const std::vector<std::string>& given) {
    const std::vector<std::string> words = with_command_first(given);
    return dispatch(command_of(words.front()), {words.begin() + 1, words.end()});
}

}  // namespace

std::size_t words_before_command(const std::vector<std::string>& words) {
    const std::vector<Option> shared = shared_options();
    const auto has_its_value = [&](const std::string& word) {
        return std::ranges::any_of(shared, [&](const Option& option) {
            return word.starts_with("--" + option.name + "=");
        });
    };
    std::size_t before = 0;
    while (before < words.size()) {
        if (takes_next_word(shared, words[before])) {
            before += 2;
        } else if (has_its_value(words[before])) {
            ++before;
        } else {
            break;
        }
    }
    return before;
}

std::vector<Option> shared_options() {
    return with_service_options({output_option()});
}

const Command* find_command(const std::string& name) {
    const auto& all = commands();
    const auto found = std::ranges::find(all, name, &Command::name);
    return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> command_names() {
    std::vector<std::string> names;
    for (const Command& command : commands()) {
        if (!command.hidden) names.push_back(command.name);
    }
    for (const api::Action& action : api::actions()) {
        if (!action.hidden) names.push_back(to_kebab_case(action.name));
    }
    return names;
}

int run_program(const std::vector<std::string>& words) {
    if (words.empty()) {
        fmt::print(stderr, "{}", program_help());
        return exit_usage;
    }
    try {
        return run_words(words);
    } catch (const Error& error) {
        say(fmt::format("kiln: {}", error.message()));
        if (error.code() != usage_error) return exit_failed;
        const std::size_t before = words_before_command(words);
        const std::string name = before < words.size() ? command_of(words[before]) : "";
        const bool known = find_command(name) != nullptr || action_of_command(name) != nullptr;
        say(known ? fmt::format("'kiln {} --help' shows its options.", name)
                  : "'kiln help' lists the commands.");
        return exit_usage;
    } catch (const std::exception& error) {
        say(fmt::format("kiln: {}", error.what()));
        return exit_failed;
    }
}

}  // namespace kiln::cli
