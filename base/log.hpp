#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace kiln::log {

/// What the service tells its operator, one line each. A thin front for spdlog, whose own headers
/// take longer to compile than the rest of most files. Any thread.

enum class Level { debug, info, warning, error };

void write(Level level, std::string_view message);
bool is_written(Level level);
/// From now on lines begin with the time in UTC and their level, and those below `least` are left
/// out. Once, before there are other threads.
void open_service_log(Level least);

template <class... Args>
void write_formatted(Level level, fmt::format_string<Args...> format, Args&&... args) {
    if (is_written(level)) write(level, fmt::vformat(format, fmt::make_format_args(args...)));
}

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(Level::debug, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(Level::info, format, std::forward<Args>(args)...);
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(Level::warning, format, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(Level::error, format, std::forward<Args>(args)...);
}

}  // namespace kiln::log
