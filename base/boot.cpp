#include "base/boot.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace kiln {

std::string boot_identity() {
    const std::string kernel = read_file("/proc/sys/kernel/random/boot_id");
    // "1 (a name, perhaps of several words) S 0 …": what follows the name has fixed places.
    constexpr std::size_t start_time = 19;
    const std::string first_process = read_file("/proc/1/stat");
    const std::size_t name_end = first_process.rfind(") ");
    const auto fields = name_end == std::string::npos
                            ? std::vector<std::string>()
                            : split(std::string_view(first_process).substr(name_end + 2), ' ');
    if (fields.size() <= start_time) {
        throw Error(error_code::internal_error, "/proc/1/stat",
                    "/proc/1/stat does not say when the first process started");
    }
    return fmt::format("{} {}", trim(kernel), fields[start_time]);
}

}  // namespace kiln
