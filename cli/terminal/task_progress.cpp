#include "cli/terminal/task_progress.hpp"

#include <fmt/format.h>

#include <thread>

#include "cli/terminal/interrupts.hpp"
#include "cli/terminal/terminal.hpp"

namespace kiln::cli {

namespace {

constexpr std::chrono::milliseconds spinner_interval{100};

}  // namespace

void TaskProgress::show(int percent, const std::string& step, const std::string& detail) {
    progress_.show(progress_bar(percent) + " " + (detail.empty() ? step : detail));
    if (progress_.visible() || step == told_) return;
    told_ = step;
    say(fmt::format("{:3} % {}", percent, step));
}

void TaskProgress::show_for(std::chrono::milliseconds time, int percent, const std::string& step) {
    for (auto left = time; left.count() > 0 && !was_interrupted(); left -= spinner_interval) {
        show(percent, step);
        std::this_thread::sleep_for(spinner_interval);
    }
}

}  // namespace kiln::cli
