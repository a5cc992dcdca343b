#include "cli/usage_error.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace kiln::cli {

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
    const auto suggestion = nearest(word, candidates);
    return suggestion ? fmt::format("; did you mean '{}'?", *suggestion) : "";
}

}  // namespace kiln::cli
