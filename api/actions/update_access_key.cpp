#include "api/services.hpp"
#include "api/shapes/access_key.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    require_lasting_credentials(caller);
    services.database.write([&](Session& session) {
        user_of(session, caller, arguments);
        images::set_access_key_state(
            session, caller.account, arguments.required_text("AccessKeyId"),
            images::parse_access_key_state(arguments.required_text("Status")));
        caller.stop_if_dry_run();
    });
    return {};
}

}  // namespace

Action update_access_key() {
    return with_handler<Done>(
        {.name = "UpdateAccessKey",
         .summary = "Let a key of your account sign requests, or no longer",
         .example = "kiln update-access-key --access-key-id AKIA2345672345672345 --status Inactive",
         .parameters = {access_key_id_parameter(),
                        {.name = "Status",
                         .wire = "Status",
                         .required = true,
                         .help = "Whether it may sign",
                         .choices = {"Active", "Inactive"}},
                        user_name_parameter(),
                        dry_run_parameter()},
         .service = &iam_service},
        done_structure(), handle);
}

}  // namespace kiln::api
