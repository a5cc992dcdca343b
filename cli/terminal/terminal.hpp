#pragma once

#include <termios.h>

#include <optional>
#include <string_view>

namespace kiln::cli {

bool is_terminal(int fd);
/// Columns of the terminal behind the descriptor; nullopt when it is none.
std::optional<std::size_t> terminal_width(int fd);

/// Writes the whole result to standard output; throws Error when that fails.
void print_result(std::string_view text);
/// Writes a line to standard error.
void say(std::string_view line);

/// A terminal that gives every key as it is pressed, until the object goes. Nothing happens to
/// what is no terminal.
class RawTerminal {
  public:
    explicit RawTerminal(int fd);
    ~RawTerminal();
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

  private:
    int fd_;
    std::optional<termios> before_;
};

}  // namespace kiln::cli
