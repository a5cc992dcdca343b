#pragma once

#include <string>
#include <vector>

#include "api/action.hpp"
#include "api/protocol/query.hpp"
#include "cli/options/option.hpp"

namespace kiln::cli {

/// The options that an action's parameters and CLI options make, in the order of declaration:
/// required ones first.
std::vector<Option> options_of(const api::Action& action);

/// The parameter that bare arguments stand for, as in `kiln deregister-image ami-…`: the only
/// required one, when it is a text. nullptr when there is none.
const api::Parameter* bare_parameter(const api::Action& action);

/// The pairs of the request. Throws Error{UsageError} for values that the parameters do not take
/// and for required ones that are missing.
api::WirePairs request_pairs(const api::Action& action, const CommandLine& line);

}  // namespace kiln::cli
