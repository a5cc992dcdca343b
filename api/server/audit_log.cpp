#include "api/server/audit_log.hpp"

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "images/audit/event.hpp"

namespace kiln::api {

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
            .error_message = request.error == nullptr ? "" : request.error->message(),
            .resources = request.resources};
        database.write([&](Session& session) {
            images::insert_event(session, event);
            images::forget_events(session, event.time - images::events_are_kept);
        });
    };
}

}  // namespace kiln::api
