#include "base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace kiln {

std::string format_time(Time time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto milliseconds = (time - seconds).count();
    const std::time_t whole = std::chrono::system_clock::to_time_t(seconds);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(whole), milliseconds);
}

}  // namespace kiln
