#include "api/server/audit_log.hpp"

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "images/audit/event.hpp"

namespace kiln::api {

namespace {

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
    return [&database, &clock](const AuditedRequest& request) {
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
        database.write([&](Session& session) {
            images::insert_event(session, event);
            images::forget_events(session, event.time - images::events_are_kept);
        });
    };
}

}  // namespace kiln::api
