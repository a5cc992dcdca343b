#include "cli/service/autostart.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/terminal/progress.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds start_time_limit{15};
/// After our service has ended: another one may have been quicker and be about to answer.
constexpr std::chrono::seconds rival_time_limit{2};
constexpr std::chrono::milliseconds poll_interval{20};
constexpr std::uintmax_t max_log_bytes = 8U << 20U;  // then a new one is begun
constexpr Bytes shown_log = {4096};

std::filesystem::path log_of(const Settings& settings) {
    return settings.state_directory / "serve.log";
}

void make_state_directory(const Settings& settings) {
    if (std::filesystem::exists(settings.state_directory)) return;
    std::filesystem::create_directories(settings.state_directory);
    // As root, QEMU's own user must be able to pass through.
    const mode_t mode = ::geteuid() == 0 ? 0711 : 0700;
    if (::chmod(settings.state_directory.c_str(), mode) != 0) {
        throw system_error(fmt::format("make '{}'", settings.state_directory.string()));
    }
}

/// The log, opened for appending, and where this start's part of it begins.
struct Log {
    std::filesystem::path path;
    std::uintmax_t begin = 0;

    std::string last_words() const {
        const std::uintmax_t size = std::filesystem::file_size(path);
        const std::uint64_t own = size < begin ? size : size - begin;
        return read_file_tail(path, {std::min<std::uint64_t>(own, shown_log.value)});
    }
};

Log prepare_log(const Settings& settings) {
    const std::filesystem::path path = log_of(settings);
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(path, missing);
    if (missing) return {.path = path};
    if (size < max_log_bytes) return {.path = path, .begin = size};
    std::filesystem::rename(path, path.string() + ".1");
    return {.path = path};
}

struct SpawnActions {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};

    SpawnActions() {
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
    }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    ~SpawnActions() {
        ::posix_spawn_file_actions_destroy(&files);
        ::posix_spawnattr_destroy(&attributes);
    }
};

/// The service works in /, where a relative path would be another.
std::vector<std::string> environment_of_service() {
    std::vector<std::string> all;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        std::string text = *variable;
        for (const std::string_view name : {"KILN_CONFIG=", "KILN_STATE_DIR=", "KILN_SOCKET="}) {
            if (text.starts_with(name) && text.size() > name.size())
                text = std::string(name) +
                       std::filesystem::absolute(text.substr(name.size())).string();
        }
        all.push_back(std::move(text));
    }
    return all;
}

pid_t spawn_service(const std::filesystem::path& log) {
    SpawnActions actions;
    ::posix_spawn_file_actions_addopen(&actions.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions.files, STDOUT_FILENO, log.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&actions.files, STDOUT_FILENO, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions.files, STDERR_FILENO + 1);
    ::posix_spawn_file_actions_addchdir_np(&actions.files, "/");
    ::posix_spawnattr_setflags(&actions.attributes, POSIX_SPAWN_SETSID);
    std::string program = std::filesystem::read_symlink("/proc/self/exe");
    std::string command = "serve";
    std::array<char*, 3> arguments{program.data(), command.data(), nullptr};
    std::vector<std::string> environment = environment_of_service();
    std::vector<char*> variables;
    variables.reserve(environment.size() + 1);
    for (std::string& variable : environment)
        variables.push_back(variable.data());
    variables.push_back(nullptr);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, program.c_str(), &actions.files, &actions.attributes,
                                    arguments.data(), variables.data());
    if (error != 0) {
        errno = error;
        throw system_error(fmt::format("start '{} serve'", program));
    }
    return pid;
}

bool has_ended(pid_t pid) {
    return ::waitpid(pid, nullptr, WNOHANG) == pid;
}

Error failed_start(const std::string& what, const Log& log) {
    return {api::service_unavailable, "",
            fmt::format("{}. Its last words, from '{}':\n{}\nMend that, or run 'kiln serve' to see "
                        "all it says; 'kiln doctor' checks this host.",
                        what, log.path.string(), trim(log.last_words()))};
}

/// Waits until the service that was just started answers.
void wait_for_service(pid_t pid, const api::Client& client, const Log& log) {
    Progress progress;
    Clock::time_point deadline = Clock::now() + start_time_limit;
    bool ended = false;
    while (!client.answers()) {
        if (!ended && has_ended(pid)) {
            ended = true;
            deadline = Clock::now() + rival_time_limit;
        }
        if (Clock::now() > deadline) {
            throw failed_start(ended ? "the kiln service ended as soon as it was started"
                                     : fmt::format("the kiln service did not answer within {} s",
                                                   start_time_limit.count()),
                               log);
        }
        progress.show("starting the kiln service");
        std::this_thread::sleep_for(poll_interval);
    }
}

/// The lock of those who start the service; nothing when it answers meanwhile.
std::optional<Fd> lock_or_service(const Settings& settings, const api::Client& client) {
    const Clock::time_point deadline = Clock::now() + 2 * start_time_limit;
    while (Clock::now() < deadline) {
        Fd lock = try_lock_file(settings.state_directory / "autostart.lock");
        if (client.answers()) return std::nullopt;
        if (lock) return lock;
        std::this_thread::sleep_for(poll_interval);
    }
    throw Error(api::service_unavailable, "",
                fmt::format("another kiln has been starting the service for {} s",
                            2 * start_time_limit.count()));
}

}  // namespace

void start_service(const Settings& settings, const api::Client& client) {
    make_state_directory(settings);
    const std::optional<Fd> lock = lock_or_service(settings, client);
    if (!lock) return;
    const Log log = prepare_log(settings);
    wait_for_service(spawn_service(log.path), client, log);
}

}  // namespace kiln::cli
