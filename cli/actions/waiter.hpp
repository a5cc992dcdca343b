#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "api/action.hpp"
#include "api/client/client.hpp"

namespace kiln::cli {

inline constexpr std::chrono::seconds default_wait{600};

/// How --wait asks the service; tests ask something else.
using Call = std::function<api::Reply(const std::string& action, const api::WirePairs& pairs)>;

/// Where a waiter stands after a look at the response of its action.
struct WaitState {
    bool done = false;
    bool failed = false;
    std::string text;  // "pending, running"; why it failed
};
WaitState wait_state(const api::Waiter& waiter, std::size_t id_count, pugi::xml_node response,
                     const api::OutputShape& shape);

/// The ids that an action's waiter is about, each once. Throws Error{UsageError} when there are
/// none: asking for no ids would be asking for everything.
std::vector<std::string> waited_ids(const api::Action& action, const api::WirePairs& request,
                                    pugi::xml_node response);

/// Asks again and again, with a line of progress, until what the action began has come about.
/// Returns the last answer of the waiter's action.
/// Throws Error{WaitFailed} with the reason when it cannot come any more, and Error{WaitTimeout}.
api::Reply wait_for(const api::Waiter& waiter, const std::vector<std::string>& ids,
                    std::chrono::seconds time_limit, const Call& call);

}  // namespace kiln::cli
