#include "base/environment.hpp"

#include <cstdlib>

namespace kiln {

std::string environment_variable(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing calls setenv
    return value == nullptr ? "" : value;
}

}  // namespace kiln
