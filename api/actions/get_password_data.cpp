#include "api/action.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/catalog/instance.hpp"

namespace kiln::api {

namespace {

struct Result {
    InstanceId instance;
    Time time;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("InstanceId", "instanceId", [](const Result& r) { return r.instance.str(); })
        .text("Timestamp", "timestamp", [](const Result& r) { return format_time(r.time); })
        .text("PasswordData", "passwordData", [](const Result&) { return std::string(); });
}

/// EC2 answers with nothing, too, for a guest that has made no password.
Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    services.database.read(
        [&](Session& session) { images::get_instance(session, caller.scope(), id); });
    caller.stop_if_dry_run();
    return {.instance = id, .time = services.clock.now()};
}

}  // namespace

Action get_password_data() {
    return with_handler<Result>(
        {.name = "GetPasswordData",
         .summary = "Show the password that a guest has made for its administrator; empty: none",
         .example = "kiln get-password-data --instance-id i-0123456789abcdef0",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        dry_run_parameter()}},
        output(), handle);
}

}  // namespace kiln::api
