#include "builder/script/shell_text.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace kiln::builder {

namespace {

constexpr int status_of_timeout = 124;      // of coreutils' timeout
constexpr int status_of_termination = 143;  // of busybox's: the script's own, for signal 15
constexpr int status_of_kill = 137;         // of both: it did not heed that signal
constexpr int grace_seconds = 10;

constexpr const char* path_of_programs =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

}  // namespace

std::string as_word(std::string_view text) {
    std::string word = "'";
    for (const char c : text) {
        if (c == '\'') {
            word += "'\\''";
        } else {
            word += c;
        }
    }
    return word + "'";
}

std::string as_words(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : " ") + as_word(word);
    return text;
}

std::string script_call(const ScriptCall& call) {
    std::vector<std::string> words{
        "env",        "-i",        fmt::format("PATH={}", path_of_programs),
        "HOME=/root", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"};
    for (const auto& [name, value] : call.environment)
        words.push_back(fmt::format("{}={}", name, value));
    for (const std::string& word : split(call.interpreter, ' ')) {
        if (!word.empty()) words.push_back(word);
    }
    words.push_back(call.directory + "/script");
    // A system that lacks timeout is held to the limit from outside alone.
    return fmt::format(
        "cd /; limit=; if command -v timeout >/dev/null 2>&1; then limit='timeout -k {} {}'; fi\n"
        "$limit {} >{} 2>&1 </dev/null\n"
        "echo $? >{}\n",
        grace_seconds, call.time_limit.count(), as_words(words),
        as_word(call.directory + "/output"), as_word(call.directory + "/status"));
}

bool timed_out(int exit_status) {
    return exit_status == status_of_timeout || exit_status == status_of_termination ||
           exit_status == status_of_kill;
}

std::string ending_leftovers() {
    return "for process in /proc/[0-9]*; do\n"
           "    number=${process#/proc/}\n"
           "    [ \"$number\" != $$ ] && [ \"$process/root\" -ef / ] && kill -9 \"$number\"\n"
           "done 2>/dev/null\n"
           "true\n";
}

}  // namespace kiln::builder
