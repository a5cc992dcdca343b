#include "cli/actions/waiter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "cli/output/field_path.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/progress.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds first_interval{250};
constexpr std::chrono::milliseconds longest_interval{1'000};
constexpr std::chrono::milliseconds spinner_interval{100};

/// Keeps the line moving while the next question is not due.
void pause(std::chrono::milliseconds interval, Progress& progress, const std::string& text) {
    const Clock::time_point next = Clock::now() + interval;
    while (Clock::now() < next) {
        progress.show(text);
        std::this_thread::sleep_for(std::min(interval, spinner_interval));
    }
}

api::WirePairs id_pairs(const std::string& parameter, const std::vector<std::string>& ids) {
    api::WirePairs pairs;
    for (const std::string& id : ids)
        pairs.emplace_back(fmt::format("{}.{}", parameter, pairs.size() + 1), id);
    return pairs;
}

std::string distinct(std::vector<std::string> texts) {
    std::ranges::sort(texts);
    const auto [first, last] = std::ranges::unique(texts);
    texts.erase(first, last);
    return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

WaitState wait_state(const api::Waiter& waiter, std::size_t id_count, pugi::xml_node response,
                     const api::OutputShape& shape) {
    const std::vector<std::string> states = texts_at(response, shape, waiter.state);
    for (const std::string& state : states) {
        if (std::ranges::find(waiter.failed, state) == waiter.failed.end()) continue;
        const std::string reason =
            waiter.reason.empty() ? "" : distinct(texts_at(response, shape, waiter.reason));
        return {.failed = true,
                .text = reason.empty() ? fmt::format("it is {}", state)
                                       : fmt::format("it is {}: {}", state, reason)};
    }
    const auto wanted = static_cast<std::size_t>(std::ranges::count(states, waiter.wanted));
    return {.done = wanted == states.size() && wanted >= id_count, .text = distinct(states)};
}

std::vector<std::string> waited_ids(const api::Action& action, const api::WirePairs& request,
                                    pugi::xml_node response) {
    std::vector<std::string> ids = texts_at(response, *action.output, action.waiter->ids);
    const std::string& parameter = action.waiter->request_ids;
    for (const auto& [name, value] : request) {
        if (parameter.empty()) break;
        if (name == parameter || name.starts_with(parameter + ".")) ids.push_back(value);
    }
    if (ids.empty()) refuse_usage("--wait needs ids: what should be waited for?");
    std::ranges::sort(ids);
    const auto [first, last] = std::ranges::unique(ids);
    ids.erase(first, last);
    return ids;
}

api::Reply wait_for(const api::Waiter& waiter, const std::vector<std::string>& ids,
                    std::chrono::seconds time_limit, const Call& call) {
    const std::string names = fmt::format("{}", fmt::join(ids, ", "));
    api::WirePairs pairs = id_pairs(waiter.parameter, ids);
    pairs.insert(pairs.end(), waiter.also.begin(), waiter.also.end());
    const api::OutputShape& shape = *action_named(waiter.action).output;
    const Clock::time_point deadline = Clock::now() + time_limit;
    std::chrono::milliseconds interval = first_interval;
    Progress progress;
    while (true) {
        api::Reply reply = call(waiter.action, pairs);
        const WaitState state = wait_state(waiter, ids.size(), reply.root(), shape);
        if (state.done) return reply;
        if (state.failed) {
            throw Error(
                "WaitFailed", names,
                fmt::format("{} will not be {} any more: {}", names, waiter.wanted, state.text));
        }
        if (Clock::now() + interval > deadline) {
            throw Error("WaitTimeout", names,
                        fmt::format("{} was not {} within {} s (now: {}); it goes on without you",
                                    names, waiter.wanted, time_limit.count(), state.text));
        }
        pause(interval, progress, fmt::format("{}: {}", names, state.text));
        interval = std::min(2 * interval, longest_interval);
    }
}

}  // namespace kiln::cli
