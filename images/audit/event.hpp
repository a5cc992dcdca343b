#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// A request that changed something or was refused: who, what, where, and what came of it.
struct Event {
    std::string id;  // a UUID
    Time time;
    std::string name;          // of the action
    AccountId account;         // as which it was made
    AccountId acting_account;  // the user's own; another when an administrator acted as `account`
    std::optional<uid_t> uid;  // absent: it was signed with an access key
    std::string access_key_id = {};
    std::string region;
    std::string request_id;
    std::string error_code;                   // empty: it succeeded
    std::string error_message;                // empty, too, then
    std::vector<std::string> resources = {};  // ids in the request and in the answer, sorted
};

/// Events are kept so long; and so many of the newest, whatever a wrong clock says of their age.
inline constexpr std::chrono::days events_are_kept{90};
inline constexpr int newest_events_are_kept = 10'000;
/// Of what an account was refused, and of what it did, so many of the newest: most of it costs
/// nothing to make.
inline constexpr int refusals_are_kept = 20'000;
inline constexpr int successes_are_kept = 200'000;

void insert_event(Session& session, const Event& event);
/// Removes those from before that time that are none of the `newest`, the ones written last.
void forget_events(Session& session, Time before, int newest = newest_events_are_kept);

/// Removes what the account was refused before the `newest` of that.
void forget_refusals(Session& session, const AccountId& acting_account,
                     int newest = refusals_are_kept);
/// The same of what it did.
void forget_successes(Session& session, const AccountId& acting_account,
                      int newest = successes_are_kept);

struct EventQuery {
    std::optional<AccountId> account = {};  // of those that it made, or had made; absent: of all
    std::optional<std::string> id = {};
    std::optional<std::string> name = {};
    std::optional<std::string> resource = {};
    std::optional<std::string> error_code = {};
    std::optional<std::string> access_key_id = {};
    Time since = Time::min();
    Time until = Time::max();
};
/// The newest first; those of one moment in the reverse order of their writing.
std::vector<Event> list_events(Session& session, const EventQuery& query);

}  // namespace kiln::images
