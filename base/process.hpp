#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace kiln {

/// An external program to run: an argument vector (no shell), a time limit, and what to do with
/// output.
struct Command {
    /// argv[0] is looked up in PATH.
    std::vector<std::string> arguments;
    std::chrono::milliseconds time_limit{60'000};
    /// NAME=value pairs that are added to the environment (LC_ALL=C is always set).
    std::vector<std::string> environment;
    std::filesystem::path working_directory;
    /// Given to the program on its standard input, which is /dev/null when this is empty.
    std::string standard_input;
    /// Texts that the program reads from pipes, the first as secret_file(0), each once: what must
    /// stand neither on a command line nor in a file. At most 4 KiB each.
    std::vector<std::string> secrets;
    /// Called with each whole line of both outputs as it comes, from the calling thread. A
    /// carriage return ends a line, too: so programs tell how far they are.
    std::function<void(std::string_view line)> on_line;
    /// When a stop is requested, the program's whole process group is ended.
    std::stop_token stop;
    /// The program is killed when the calling thread dies with this process: it holds a lock, or
    /// would go on writing to what the next one finds.
    bool ends_with_caller = false;
};

/// The path by which the program opens its `index`-th secret: /dev/fd/3 and so on.
inline std::string secret_file(std::size_t index) {
    return "/dev/fd/" + std::to_string(3 + index);
}

struct ProcessResult {
    int exit_status = 0;
    std::string standard_output;  // at most 16 MiB are kept
    std::string standard_error;   // the last 64 KiB
};

/// Runs the program to its end in a process group of its own, which is killed (SIGTERM, 5 s later
/// SIGKILL) at the time limit and on stop. Throws Error{InternalError} when it cannot be started,
/// when it was killed, and Error{Canceled} after a stop. A non-zero exit status is returned. Any
/// thread.
ProcessResult run_process(const Command& command);

/// As run_process, but a non-zero exit status is an Error{InternalError} with the program's own
/// last words. Returns the standard output.
std::string run_checked(const Command& command);

}  // namespace kiln
