#include "api/services.hpp"
#include "api/shapes/access_key.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    require_lasting_credentials(caller);
    services.database.write([&](Session& session) {
        user_of(session, caller, arguments);
        images::delete_access_key(session, caller.account, arguments.required_text("AccessKeyId"));
        caller.stop_if_dry_run();
    });
    return {};
}

}  // namespace

Action delete_access_key() {
    return with_handler<Done>(
        {.name = "DeleteAccessKey",
         .summary = "Delete a key of your account",
         .example = "kiln delete-access-key --access-key-id AKIA2345672345672345",
         .parameters = {access_key_id_parameter(), user_name_parameter(), dry_run_parameter()},
         .service = &iam_service},
        done_structure(), handle);
}

}  // namespace kiln::api
