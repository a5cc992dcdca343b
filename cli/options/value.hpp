#pragma once

#include <string>
#include <vector>

#include "api/protocol/parameter.hpp"
#include "api/protocol/query.hpp"

namespace kiln::cli {

/// The wire pairs that the words of a parameter's option stand for: plain texts, shorthand, JSON,
/// file://PATH and fileb://PATH, as with the AWS CLI. Throws Error{UsageError}.
api::WirePairs wire_pairs_of(const api::Parameter& parameter,
                             const std::vector<std::string>& words);

/// How --help shows what the option takes: "Name=TEXT,Values=TEXT,…".
std::string placeholder_of(const api::Parameter& parameter);

}  // namespace kiln::cli
