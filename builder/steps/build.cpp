#include "builder/steps/build.hpp"

#include <fmt/format.h>

#include "base/process.hpp"
#include "base/text.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t max_words = 2000;
constexpr int not_found_status = 127;  // of setpriv, when it finds no such program

/// What a program that failed says about it: the errors that it marks, else its last words.
std::string words_of(const ProcessResult& result) {
    std::string errors;
    for (const std::string& line : split(result.standard_error, '\n')) {
        if (line.starts_with("E: ")) errors += line + '\n';
    }
    std::string_view words = errors;
    if (words.empty()) words = result.standard_error;
    if (trim(words).empty()) words = result.standard_output;
    words = trim(words);
    if (words.size() > max_words) words.remove_prefix(words.size() - max_words);
    return std::string(words);
}

}  // namespace

Error build_failed(const std::string& message) {
    return Error("BuildFailed", "", message);
}

std::string run_tool(const Build& build, const Tool& tool) {
    // Should the service be killed, the program goes with it and leaves the work directory alone.
    std::vector<std::string> arguments{"setpriv", "--pdeathsig", "KILL"};
    arguments.insert(arguments.end(), tool.arguments.begin(), tool.arguments.end());
    Command command{.arguments = std::move(arguments),
                    .time_limit = tool.time_limit,
                    .environment = tool.environment,
                    .working_directory = tool.working_directory,
                    .standard_input = tool.standard_input,
                    .stop = build.stop};
    command.on_line = [&](std::string_view line) {
        if (build.progress.on_log) build.progress.on_log(line);
        if (tool.on_line) tool.on_line(line);
    };
    ProcessResult result = run_process(command);
    if (result.exit_status == 0) return std::move(result.standard_output);
    const std::string& name = tool.name.empty() ? tool.arguments.at(0) : tool.name;
    if (result.exit_status == not_found_status) {
        throw build_failed(fmt::format("'{}' cannot be started: is its package installed? ({})",
                                       name, words_of(result)));
    }
    throw build_failed(fmt::format("'{}' failed with exit status {}: {}", name, result.exit_status,
                                   words_of(result)));
}

}  // namespace kiln::builder
