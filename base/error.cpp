#include "base/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace kiln {

Error system_error(std::string_view what) {
    const int number = errno;
    return Error(error_code::internal_error, "",
                 fmt::format("cannot {}: {}", what, std::generic_category().message(number)));
}

}  // namespace kiln
