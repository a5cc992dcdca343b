#include "base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kiln {

namespace {

/// Whether the text has the form, in which '0' stands for any digit.
bool has_form(std::string_view text, std::string_view form) {
    return std::ranges::equal(text, form, [](char c, char wanted) {
        return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
    });
}

int number_at(std::string_view text, std::size_t place, std::size_t digits) {
    int number = 0;
    if (place + digits > text.size()) return number;
    std::from_chars(text.data() + place, text.data() + place + digits, number);
    return number;
}

}  // namespace

std::string format_time(Time time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto milliseconds = (time - seconds).count();
    const std::time_t whole = std::chrono::system_clock::to_time_t(seconds);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(whole), milliseconds);
}

std::string format_date(Time time) {
    return format_time(time).substr(0, std::string_view("2021-09-29").size());
}

std::optional<Time> parse_time(std::string_view text) {
    const bool is_time = has_form(text, "0000-00-00") || has_form(text, "0000-00-00T00:00:00Z") ||
                         has_form(text, "0000-00-00T00:00:00.000Z");
    if (!is_time) return std::nullopt;
    const std::chrono::year_month_day date{
        std::chrono::year(number_at(text, 0, 4)),
        std::chrono::month(static_cast<unsigned>(number_at(text, 5, 2))),
        std::chrono::day(static_cast<unsigned>(number_at(text, 8, 2)))};
    const std::chrono::hours hours(number_at(text, 11, 2));
    const std::chrono::minutes minutes(number_at(text, 14, 2));
    const std::chrono::seconds seconds(number_at(text, 17, 2));
    if (!date.ok() || hours.count() > 23 || minutes.count() > 59 || seconds.count() > 59) {
        return std::nullopt;
    }
    return Time(std::chrono::sys_days(date)) + hours + minutes + seconds +
           std::chrono::milliseconds(number_at(text, 20, 3));
}

}  // namespace kiln
