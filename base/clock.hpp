#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// Wall-clock time in milliseconds, as the catalog stores it and EC2 prints it.
using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Where services take the time from, so that tests can set it.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Time now() const = 0;
};

class SystemClock final : public Clock {
  public:
    Time now() const override {
        return std::chrono::time_point_cast<std::chrono::milliseconds>(
            std::chrono::system_clock::now());
    }
};

/// RFC 3339 in UTC with milliseconds, as EC2 prints times: "2021-09-29T11:04:43.305Z".
std::string format_time(Time time);
/// "2021-09-29", of the day in UTC.
std::string format_date(Time time);
/// A date (its first moment in UTC) or what format_time prints, also without the milliseconds.
/// nullopt for any other text, and for a day or an hour that there is not.
std::optional<Time> parse_time(std::string_view text);

/// Milliseconds since 1970, as the catalog stores times.
inline std::int64_t to_epoch_ms(Time time) {
    return time.time_since_epoch().count();
}
inline Time from_epoch_ms(std::int64_t ms) {
    return Time(std::chrono::milliseconds(ms));
}

}  // namespace kiln
