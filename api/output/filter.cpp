#include "api/output/filter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::api {

namespace {

constexpr std::size_t max_filter_values = 200;  // of one filter

}  // namespace

std::vector<Filter> filters_of(const Arguments& arguments, std::string_view wire) {
    std::vector<Filter> filters;
    for (const Arguments& filter : arguments.structures(wire)) {
        filters.push_back({.name = filter.required_text("Name"), .values = filter.texts("Value")});
        if (filters.back().values.size() > max_filter_values) {
            throw Error("FilterLimitExceeded", filters.back().name,
                        fmt::format("The filter '{}' has more than {} values", filters.back().name,
                                    max_filter_values));
        }
    }
    return filters;
}

void refuse_filter(const std::string& name, const std::vector<std::string>& known) {
    const auto suggestion = nearest(name, known);
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("The filter '{}' is invalid{}", name,
                            suggestion ? fmt::format("; did you mean '{}'?", *suggestion) : ""));
}

std::vector<std::string> present(std::vector<std::string> values) {
    std::erase(values, "");
    return values;
}

bool any_matches(const Filter& filter, const std::vector<std::string>& texts) {
    return std::ranges::any_of(texts, [&](const std::string& text) {
        return std::ranges::any_of(filter.values, [&](const std::string& pattern) {
            return matches_wildcard(text, pattern);
        });
    });
}

}  // namespace kiln::api
