#include "api/server/audit_log.hpp"

#include <atomic>
#include <memory>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "images/audit/event.hpp"

namespace kiln::api {

namespace {

/// A few events too many do no harm.
constexpr unsigned events_between_forgetting = 64;

/// A message may repeat what a client sent, which may be long.
constexpr std::size_t longest_message = 1024;

/// Cut between two characters.
std::string shortened(const std::string& message) {
    if (message.size() <= longest_message) return message;
    std::size_t end = longest_message;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xc0U) == 0x80U)
        --end;
    return message.substr(0, end);
}

}  // namespace

Audit audit_log(Database& database, const Clock& clock) {
    const auto count = std::make_shared<std::atomic<unsigned>>(0);
    return [&database, &clock, count](const AuditedRequest& request) {
        const images::Caller& caller = request.caller;
        const images::Event event{
            .id = random_uuid(),
            .time = clock.now(),
            .name = request.action,
            .account = caller.account,
            .acting_account = caller.own_account.value_or(caller.account),
            .uid = caller.uid,
            .region = caller.region,
            .request_id = request.request_id,
            .error_code = request.error == nullptr ? "" : request.error->code(),
            .error_message = request.error == nullptr ? "" : shortened(request.error->message()),
            .resources = request.resources};
        const bool forgets = (*count)++ % events_between_forgetting == 0;
        database.write([&](Session& session) {
            images::insert_event(session, event);
            if (forgets) images::forget_events(session, event.time - images::events_are_kept);
        });
    };
}

}  // namespace kiln::api
