#include "cli/terminal/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/output/text_width.hpp"
#include "cli/terminal/terminal.hpp"

namespace kiln::cli {

namespace {

constexpr std::array<const char*, 10> spinner{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr const char* clear_line = "\r\x1b[K";
constexpr std::size_t usual_width = 80;
constexpr int bar_width = 24;

}  // namespace

Progress::Progress() : visible_(is_terminal(STDERR_FILENO)) {}

Progress::~Progress() {
    if (visible_) fmt::print(stderr, "{}", clear_line);
}

void Progress::show(const std::string& text) {
    if (!visible_) return;
    const std::string line =
        fmt::format("{} {} ({} s)", spinner[turn_++ % spinner.size()], text, elapsed().count());
    const std::size_t width = terminal_width(STDERR_FILENO).value_or(usual_width);
    fmt::print(stderr, "{}{}", clear_line, shortened(line, width - 1));
    std::fflush(stderr);
}

std::chrono::seconds Progress::elapsed() const {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                            begin_);
}

std::string progress_bar(int percent) {
    const int done = std::clamp(percent, 0, 100);
    std::string bar;
    for (int i = 0; i < bar_width; ++i)
        bar += i * 100 < done * bar_width ? "█" : "·";
    return fmt::format("[{}] {:3} %", bar, done);
}

}  // namespace kiln::cli
