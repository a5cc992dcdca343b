#include "base/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace kiln {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t max_standard_output = 16U << 20;
constexpr std::size_t max_standard_error = 64U << 10;
constexpr std::chrono::milliseconds grace_before_sigkill{5'000};
constexpr std::chrono::milliseconds stop_poll_interval{200};
constexpr std::size_t longest_secret = 4096;  // any pipe takes as much before it is read
constexpr int first_secret = STDERR_FILENO + 1;
// A program that writes one line over and over, such as a percentage, ends it with the first.
constexpr std::string_view line_ends = "\r\n";
constexpr std::size_t longest_line = 1U << 20;  // a longer one is handed on in pieces

/// Keeps a write to a pipe that nobody reads from ending this process: the signal is kept from this
/// thread and taken away, so that other threads and the process's own choice are left alone.
class SigpipeHeldBack {
  public:
    SigpipeHeldBack() {
        sigemptyset(&sigpipe_);
        sigaddset(&sigpipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    }
    SigpipeHeldBack(const SigpipeHeldBack&) = delete;
    SigpipeHeldBack& operator=(const SigpipeHeldBack&) = delete;
    ~SigpipeHeldBack() {
        if (sigismember(&before_, SIGPIPE) == 1) return;
        const timespec at_once{};
        while (::sigtimedwait(&sigpipe_, nullptr, &at_once) < 0 && errno == EINTR) {
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

  private:
    sigset_t sigpipe_;
    sigset_t before_;
};

struct Pipe {
    Fd read_end;
    Fd write_end;
};

Pipe make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("make a pipe");
    return {Fd(ends[0]), Fd(ends[1])};
}

/// The end to read from of a pipe that holds the secret and nothing after it; none of the
/// descriptors below `lowest`, which the program's own are put on.
Fd pipe_with(const std::string& secret, int lowest) {
    if (secret.size() > longest_secret) {
        throw Error(error_code::internal_error, "", "a program's secret is longer than 4 KiB");
    }
    const Pipe pipe = make_pipe();
    if (::write(pipe.write_end.get(), secret.data(), secret.size()) !=
        static_cast<ssize_t>(secret.size())) {
        throw system_error("hand a secret to a program");
    }
    Fd read_end(::fcntl(pipe.read_end.get(), F_DUPFD_CLOEXEC, lowest));
    if (!read_end) throw system_error("hand a secret to a program");
    return read_end;
}

/// Owns the C structures that posix_spawn takes.
class SpawnSettings {
  public:
    SpawnSettings() {
        posix_spawn_file_actions_init(&actions_);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setpgroup(&attributes_, 0);
        sigset_t signals;
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attributes_, &signals);
        sigaddset(&signals, SIGPIPE);
        posix_spawnattr_setsigdefault(&attributes_, &signals);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }

    void redirect(int fd, int to) { posix_spawn_file_actions_adddup2(&actions_, fd, to); }
    void open_as(const char* path, int to) {
        posix_spawn_file_actions_addopen(&actions_, to, path, O_RDONLY, 0);
    }
    void change_directory(const char* path) {
        posix_spawn_file_actions_addchdir_np(&actions_, path);
    }
    /// Libraries may hold descriptors that are not close-on-exec.
    void close_from(int fd) { posix_spawn_file_actions_addclosefrom_np(&actions_, fd); }
    const posix_spawn_file_actions_t* actions() const { return &actions_; }
    const posix_spawnattr_t* attributes() const { return &attributes_; }

  private:
    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (std::string& text : strings)
        pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> environment_with(const std::vector<std::string>& additions) {
    std::vector<std::string> all = additions;
    all.emplace_back("LC_ALL=C");
    const auto is_added = [&](std::string_view variable) {
        const std::string_view name = variable.substr(0, variable.find('=') + 1);
        for (const std::string& addition : all) {
            if (addition.starts_with(name)) return true;
        }
        return false;
    };
    std::vector<std::string> inherited;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!is_added(*variable)) inherited.emplace_back(*variable);
    }
    all.insert(all.end(), inherited.begin(), inherited.end());
    return all;
}

/// Splits what arrives in pieces into whole lines.
class LineSplitter {
  public:
    explicit LineSplitter(const std::function<void(std::string_view)>& on_line)
        : on_line_(on_line) {}

    void add(std::string_view piece) {
        if (!on_line_) return;
        rest_ += piece;
        std::size_t begin = 0;
        for (std::size_t end = rest_.find_first_of(line_ends); end != std::string::npos;
             end = rest_.find_first_of(line_ends, begin)) {
            on_line_(std::string_view(rest_).substr(begin, end - begin));
            begin = end + 1;
        }
        rest_.erase(0, begin);
        if (rest_.size() >= longest_line) finish();
    }
    void finish() {
        if (on_line_ && !rest_.empty()) on_line_(rest_);
        rest_.clear();
    }

  private:
    const std::function<void(std::string_view)>& on_line_;
    std::string rest_;
};

class RunningProcess {
  public:
    explicit RunningProcess(const Command& command) : command_(command) { spawn(); }
    RunningProcess(const RunningProcess&) = delete;
    RunningProcess& operator=(const RunningProcess&) = delete;
    ~RunningProcess() {
        if (!status_) kill_and_reap();
    }

    ProcessResult finish() {
        const auto deadline = SteadyClock::now() + command_.time_limit;
        LineSplitter output_lines(command_.on_line);
        LineSplitter error_lines(command_.on_line);
        while (!exited_ || output_.read_end || error_.read_end) {
            if (command_.stop.stop_requested()) abort("Canceled", "was cancelled");
            if (SteadyClock::now() >= deadline) {
                abort(error_code::internal_error,
                      fmt::format("did not end within {} s",
                                  std::chrono::duration<double>(command_.time_limit).count()));
            }
            wait_for_something(deadline);
            drain(output_.read_end, result_.standard_output, output_lines);
            drain(error_.read_end, result_.standard_error, error_lines);
            trim();
            write_input();
            check_exit();
        }
        output_lines.finish();
        error_lines.finish();
        return interpret_status();
    }

  private:
    void spawn() {
        output_ = make_pipe();
        error_ = make_pipe();
        SpawnSettings settings;
        if (command_.standard_input.empty()) {
            settings.open_as("/dev/null", STDIN_FILENO);
        } else {
            input_ = make_pipe();
            settings.redirect(input_.read_end.get(), STDIN_FILENO);
        }
        settings.redirect(output_.write_end.get(), STDOUT_FILENO);
        settings.redirect(error_.write_end.get(), STDERR_FILENO);
        const std::vector<Fd> secrets = pass_secrets(settings);
        if (!command_.working_directory.empty()) {
            settings.change_directory(command_.working_directory.c_str());
        }
        std::vector<std::string> arguments = command_.arguments;
        if (command_.ends_with_caller) {
            // posix_spawn cannot ask the kernel for it, and this one does, then becomes the
            // program.
            arguments.insert(arguments.begin(), {"setpriv", "--pdeathsig", "KILL", "--"});
        }
        std::vector<std::string> environment = environment_with(command_.environment);
        const int failure = ::posix_spawnp(&pid_, arguments.at(0).c_str(), settings.actions(),
                                           settings.attributes(), pointers_to(arguments).data(),
                                           pointers_to(environment).data());
        if (failure != 0) {
            status_ = 0;  // there is nothing to reap
            errno = failure;
            throw system_error(fmt::format("start '{}'", arguments.at(0)));
        }
        output_.write_end.reset();
        error_.write_end.reset();
        input_.read_end.reset();
        for (const Fd* fd : {&output_.read_end, &error_.read_end, &input_.write_end}) {
            if (*fd) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
        }
        pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        if (!pidfd_) {
            const Error error = system_error(fmt::format("watch '{}'", arguments.at(0)));
            kill_and_reap();  // a constructor that throws is followed by no destructor
            throw error;
        }
    }

    /// They must stay open until the program runs.
    std::vector<Fd> pass_secrets(SpawnSettings& settings) const {
        const int end = first_secret + static_cast<int>(command_.secrets.size());
        std::vector<Fd> secrets;
        for (const std::string& secret : command_.secrets) {
            secrets.push_back(pipe_with(secret, end));
            settings.redirect(secrets.back().get(),
                              first_secret + static_cast<int>(secrets.size()) - 1);
        }
        settings.close_from(end);
        return secrets;
    }

    void wait_for_something(SteadyClock::time_point deadline) {
        std::array<pollfd, 4> descriptors{{{exited_ ? -1 : pidfd_.get(), POLLIN, 0},
                                           {output_.read_end.get(), POLLIN, 0},
                                           {error_.read_end.get(), POLLIN, 0},
                                           {input_.write_end.get(), POLLOUT, 0}}};
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
        const auto limit =
            command_.stop.stop_possible() ? std::min(left, stop_poll_interval) : left;
        // After the program's end only what it left in the pipes is taken.
        const int timeout =
            exited_ ? 0 : static_cast<int>(std::max<std::int64_t>(limit.count(), 0));
        if (::poll(descriptors.data(), descriptors.size(), timeout) < 0 && errno != EINTR) {
            throw system_error("wait for a program");
        }
        // A grandchild may keep the pipes open for ever; what it says after the program's end is
        // not ours.
        if (exited_ && descriptors[1].revents == 0 && descriptors[2].revents == 0) {
            output_.read_end.reset();
            error_.read_end.reset();
        }
    }

    static void drain(Fd& fd, std::string& into, LineSplitter& lines) {
        char buffer[65536];
        while (fd) {
            const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
            if (count > 0) {
                into.append(buffer, static_cast<std::size_t>(count));
                lines.add({buffer, static_cast<std::size_t>(count)});
                continue;
            }
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && errno == EAGAIN) return;
            fd.reset();
        }
    }

    void trim() {
        if (result_.standard_output.size() > max_standard_output) {
            result_.standard_output.resize(max_standard_output);
        }
        std::string& errors = result_.standard_error;
        if (errors.size() > max_standard_error) errors.erase(0, errors.size() - max_standard_error);
    }

    void write_input() {
        const SigpipeHeldBack held_back;
        while (input_.write_end) {
            if (written_ == command_.standard_input.size()) {
                input_.write_end.reset();
                return;
            }
            const ssize_t count =
                ::write(input_.write_end.get(), command_.standard_input.data() + written_,
                        command_.standard_input.size() - written_);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && errno == EAGAIN) return;
            if (count < 0) {
                input_.write_end.reset();  // the program does not want to read it
                return;
            }
            written_ += static_cast<std::size_t>(count);
        }
    }

    void check_exit() {
        int status = 0;
        if (exited_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
        exited_ = true;
        status_ = status;
    }

    ProcessResult interpret_status() {
        if (WIFEXITED(*status_)) {
            result_.exit_status = WEXITSTATUS(*status_);
            return std::move(result_);
        }
        throw Error(error_code::internal_error, "",
                    fmt::format("'{}' was ended by signal {}", command_.arguments.at(0),
                                WTERMSIG(*status_)));
    }

    [[noreturn]] void abort(const char* code, const std::string& what_happened) {
        kill_and_reap();
        throw Error(code, "", fmt::format("'{}' {}", command_.arguments.at(0), what_happened));
    }

    void kill_and_reap() noexcept {
        ::kill(-pid_, SIGTERM);
        pollfd exit_event{pidfd_.get(), POLLIN, 0};
        if (pidfd_ && !exited_) {
            ::poll(&exit_event, 1, static_cast<int>(grace_before_sigkill.count()));
        }
        ::kill(-pid_, SIGKILL);
        int status = 0;
        if (!exited_) ::waitpid(pid_, &status, 0);
        exited_ = true;
        status_ = status;
    }

    const Command& command_;
    pid_t pid_ = -1;
    Fd pidfd_;
    Pipe input_;
    Pipe output_;
    Pipe error_;
    std::size_t written_ = 0;
    bool exited_ = false;
    std::optional<int> status_;
    ProcessResult result_;
};

std::string last_words(const ProcessResult& result) {
    std::string words =
        result.standard_error.empty() ? result.standard_output : result.standard_error;
    constexpr std::size_t most = 2000;
    if (words.size() > most) words.erase(0, words.size() - most);
    while (!words.empty() && words.back() == '\n')
        words.pop_back();
    return words;
}

}  // namespace

ProcessResult run_process(const Command& command) {
    return RunningProcess(command).finish();
}

std::string run_checked(const Command& command) {
    ProcessResult result = run_process(command);
    if (result.exit_status == 0) return std::move(result.standard_output);
    throw Error(error_code::internal_error, "",
                fmt::format("'{}' failed with exit status {}: {}", command.arguments.at(0),
                            result.exit_status, last_words(result)));
}

}  // namespace kiln
