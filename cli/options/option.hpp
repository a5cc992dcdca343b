#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace kiln::cli {

/// How many values an option takes.
enum class Arity { none, optional, one, many };

struct Option {
    std::string name;           // "image-id"
    std::string negative = {};  // "no-dry-run"; empty: it has no opposite
    char letter = '\0';         // 'i' of -i
    Arity arity = Arity::one;
    std::string placeholder = {};
    std::string help = {};
    bool required = false;
    std::vector<std::string> choices = {};  // for completion
};

/// A command line after its options were told from its arguments.
struct CommandLine {
    struct Given {
        std::string name;  // as declared; for the opposite of an option, that one's own name
        std::vector<std::string> values;
    };
    std::vector<Given> options;
    std::vector<std::string> arguments;

    bool has(const std::string& name) const;
    /// The option's only value; nullopt when it was not given.
    std::optional<std::string> value(const std::string& name) const;
    /// All values of an option that may be given several times.
    std::vector<std::string> values(const std::string& name) const;
};

/// The number of seconds that an option gives, from 1 to a day; throws Error{UsageError}.
std::chrono::seconds seconds_option(const CommandLine& line, const std::string& name,
                                    std::chrono::seconds otherwise);

/// Throws Error{UsageError}: for an unknown option with the nearest known one, for one that lacks
/// its value or has one too many, and for one given twice that takes a single value.
CommandLine parse_command_line(const std::vector<Option>& options,
                               const std::vector<std::string>& words);

}  // namespace kiln::cli
