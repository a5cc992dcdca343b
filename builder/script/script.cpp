#include "builder/script/script.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "builder/script/shell_text.hpp"
#include "builder/steps/build.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t most_words = 2000;

std::string last_words(std::string_view output) {
    output = trim(output);
    if (output.size() > most_words) output.remove_prefix(output.size() - most_words);
    return output.empty() ? "it said nothing" : std::string(output);
}

}  // namespace

void log_lines(std::string_view text, const StepLog& log) {
    for (const std::string& line : split(trim(text), '\n')) {
        if (!line.empty()) log(line);
    }
}

void check_script(const ScriptResult& result, std::chrono::seconds time_limit) {
    if (result.exit_status == 0) return;
    if (timed_out(result.exit_status)) {
        throw build_failed(fmt::format("the script was ended, since it took longer than {} s: {}",
                                       time_limit.count(), last_words(result.output)));
    }
    throw build_failed(fmt::format("the script failed with exit status {}: {}", result.exit_status,
                                   last_words(result.output)));
}

}  // namespace kiln::builder
