#include "builder/trial/guest_shell.hpp"

#include <fmt/format.h>

#include <charconv>

#include "builder/script/shell_text.hpp"

namespace kiln::builder {

namespace {

/// What an agent hands on at once.
constexpr std::size_t longest_piece = 64U << 10U;

/// Reads the script from the standard input into the directory, which is new.
std::string receiving(const std::string& directory) {
    return fmt::format("umask 077; mkdir {0} && cat >{0}/script && chmod 700 {0}/script || exit\n",
                       as_word(directory));
}

std::string call_of(const Script& script, const std::string& directory) {
    return script_call({.directory = directory,
                        .interpreter = script.interpreter,
                        .environment = script.environment,
                        .time_limit = script.time_limit});
}

}  // namespace

std::string beginning_in_background(const Script& script, const std::string& directory) {
    return receiving(directory) + "(\n" + call_of(script, directory) +
           ") >/dev/null 2>&1 </dev/null &\n";
}

std::string progress_in_background(const std::string& directory, std::size_t offset) {
    // The status first: what was said before it came is then read with it, or after it.
    return fmt::format(
        "cd {} || exit\n"
        "if [ -s status ]; then cat status; else echo -; fi\n"
        "tail -c +{} output 2>/dev/null | head -c {}\n",
        as_word(directory), offset + 1, longest_piece);
}

std::optional<ScriptProgress> parse_progress(const std::string& answer) {
    const std::size_t end = answer.find('\n');
    if (end == std::string::npos) return std::nullopt;
    ScriptProgress progress{.exit_status = std::nullopt, .output = answer.substr(end + 1)};
    const std::string first = answer.substr(0, end);
    if (first == "-") return progress;
    int status = 0;
    const auto [last, problem] = std::from_chars(first.data(), first.data() + first.size(), status);
    if (problem != std::errc{} || last != first.data() + first.size()) return std::nullopt;
    progress.exit_status = status;
    return progress;
}

std::string running_in_foreground(const Script& script, const std::string& directory) {
    // What it says is to be seen as it comes; the shell that it runs in reads nothing more.
    return receiving(directory) + call_of(script, directory) +
           fmt::format("read -r status <{0}/status; cat {0}/output; rm -rf {0}; exit $status\n",
                       as_word(directory));
}

std::vector<std::string> ssh_command(const SshLogin& login, const std::string& text) {
    const std::string shell = "sh -c " + as_word(text);
    return {"ssh",
            "-p",
            std::to_string(login.port),
            "-l",
            login.user,
            "-i",
            login.private_key.string(),
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "ConnectTimeout=10",
            "-o",
            "ServerAliveInterval=15",
            "-o",
            "LogLevel=ERROR",
            login.host,
            login.user == "root" ? shell : "sudo -n " + shell};
}

}  // namespace kiln::builder
