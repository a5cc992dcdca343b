#include "cli/terminal/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.hpp"

namespace kiln::cli {

bool is_terminal(int fd) {
    return ::isatty(fd) == 1;
}

std::optional<std::size_t> terminal_width(int fd) {
    winsize size{};
    if (!is_terminal(fd) || ::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return std::nullopt;
    }
    return size.ws_col;
}

void print_result(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
        throw system_error("write the result");
    }
}

void say(std::string_view line) {
    fmt::print(stderr, "{}\n", line);
}

RawTerminal::RawTerminal(int fd) : fd_(fd) {
    termios now{};
    if (!is_terminal(fd) || ::tcgetattr(fd, &now) != 0) return;
    before_ = now;
    ::cfmakeraw(&now);
    if (::tcsetattr(fd, TCSANOW, &now) != 0) throw system_error("set the terminal's mode");
}

RawTerminal::~RawTerminal() {
    if (before_) ::tcsetattr(fd_, TCSAFLUSH, &*before_);
}

}  // namespace kiln::cli
