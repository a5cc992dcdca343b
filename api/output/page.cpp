#include "api/output/page.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::api {

namespace {

/// Tells our tokens, and what they hold, from anything else that is base64.
constexpr std::string_view token_prefix = "kiln-page-1:";

/// Lists of ids that EC2 does not let a client combine with pages.
constexpr const char* id_lists[] = {"InstanceId", "VolumeId", "SnapshotId"};

}  // namespace

std::optional<std::size_t> max_results_of(const Arguments& arguments, const PageLimits& limits) {
    const auto asked = arguments.integer("MaxResults");
    if (!asked) return std::nullopt;
    if (*asked < limits.least || *asked > limits.most) {
        throw Error(error_code::invalid_parameter_value, "MaxResults",
                    fmt::format("Value ({}) for parameter MaxResults is invalid. It must be from "
                                "{} to {}",
                                *asked, limits.least, limits.most));
    }
    for (const char* ids : id_lists) {
        if (arguments.texts(ids).empty()) continue;
        throw Error(
            error_code::invalid_parameter_combination, ids,
            fmt::format("The parameter {} cannot be used with the parameter MaxResults", ids));
    }
    return static_cast<std::size_t>(*asked);
}

std::string encode_page_token(const std::string& key) {
    return base64_encode(std::string(token_prefix) + key);
}

std::string decode_page_token(const std::string& token) {
    const auto bytes = base64_decode(token);
    if (!bytes || !bytes->starts_with(token_prefix)) {
        throw Error(
            "InvalidPaginationToken", token,
            fmt::format("The token '{}' is not valid: give the NextToken of a response", token));
    }
    return bytes->substr(token_prefix.size());
}

}  // namespace kiln::api
