#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>

#include "cli/commands/commands.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr char leave_key = 0x1D;  // ^]
constexpr std::size_t chunk_bytes = 4096;
/// After the end of what was piped in: how long the guest may be silent before we leave.
constexpr int quiet_time_ms = 1'000;

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw system_error("write what the console says");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// Set by a signal that ends the program: the terminal must be as it was before it does.
volatile std::sig_atomic_t interrupted = 0;

void catch_ending_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    for (const int signal : {SIGTERM, SIGHUP, SIGINT})
        ::sigaction(signal, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // a write fails instead, and the terminal is restored
}

class ConsoleLoop {
  public:
    explicit ConsoleLoop(const api::ConsoleConnection& console)
        : socket_(console.socket.get()), keys_(is_terminal(STDIN_FILENO)) {}

    void run() {
        bool open = true;
        while (open && interrupted == 0)
            open = turn();
    }

  private:
    /// One event; false when it is time to leave.
    bool turn() {
        std::array<pollfd, 2> waited{
            pollfd{.fd = socket_, .events = POLLIN, .revents = 0},
            pollfd{.fd = typing_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}};
        const int ready = ::poll(waited.data(), waited.size(), typing_ ? -1 : quiet_time_ms);
        if (ready < 0 && errno == EINTR) return true;
        if (ready < 0) throw system_error("wait for the console");
        if (ready == 0) return false;
        if (waited[0].revents != 0 && !print_output()) return false;
        return waited[1].revents == 0 || send_typed();
    }

    bool print_output() const {
        std::array<char, chunk_bytes> chunk{};
        const ssize_t size = ::recv(socket_, chunk.data(), chunk.size(), 0);
        if (size <= 0) return false;
        write_all(STDOUT_FILENO, {chunk.data(), static_cast<std::size_t>(size)});
        return true;
    }

    bool send_typed() {
        std::array<char, chunk_bytes> chunk{};
        const ssize_t size = ::read(STDIN_FILENO, chunk.data(), chunk.size());
        if (size <= 0) {
            typing_ = false;
            ::shutdown(socket_, SHUT_WR);
            return true;
        }
        std::string_view typed(chunk.data(), static_cast<std::size_t>(size));
        const std::size_t leave = keys_ ? typed.find(leave_key) : std::string_view::npos;
        typed = typed.substr(0, leave);
        while (!typed.empty()) {
            const ssize_t sent = ::send(socket_, typed.data(), typed.size(), MSG_NOSIGNAL);
            if (sent < 0) return false;
            typed.remove_prefix(static_cast<std::size_t>(sent));
        }
        return leave == std::string_view::npos;
    }

    int socket_;
    bool keys_;
    bool typing_ = true;
};

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 1) refuse_usage("give one instance: kiln console i-…");
    const std::string& instance = line.arguments.front();
    Service service(line);
    const api::ConsoleConnection console = service.open_console(instance);
    const bool keys = is_terminal(STDIN_FILENO);
    if (keys) say(fmt::format("Connected to the console of {}; ^] leaves.", instance));
    {
        catch_ending_signals();
        const RawTerminal raw(STDIN_FILENO);
        write_all(STDOUT_FILENO, console.received);
        ConsoleLoop(console).run();
    }
    if (keys) say(fmt::format("\nLeft the console of {}.", instance));
    return exit_ok;
}

}  // namespace

Command console_command() {
    return {.name = "console",
            .summary = "Sit at an instance's serial console; ^] leaves",
            .usage = "INSTANCE-ID",
            .details =
                "What is piped in is typed; then kiln leaves as soon as the guest has been "
                "silent for a second.",
            .example = "kiln console i-0123456789abcdef0",
            .options = with_service_options({}),
            .run = run};
}

}  // namespace kiln::cli
