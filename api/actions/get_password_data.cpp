#include "api/action.hpp"
#include "base/clock.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    InstanceId instance;
    Time time;
    std::string password;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("InstanceId", "instanceId", [](const Result& r) { return r.instance.str(); })
        .text("Timestamp", "timestamp", [](const Result& r) { return format_time(r.time); })
        .text("PasswordData", "passwordData", [](const Result& r) { return r.password; });
}

/// EC2 answers with nothing, too, for a guest that has said no password.
Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    return {.instance = id,
            .time = services.clock.now(),
            .password = services.launcher.password_data(caller, id)};
}

}  // namespace

Action get_password_data() {
    return with_handler<Result>(
        {.name = "GetPasswordData",
         .summary =
             "Show the password that a Windows guest has made for its administrator, encrypted "
             "with its key pair; empty: none yet",
         .example = "kiln get-password-data --instance-id i-0123456789abcdef0",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        dry_run_parameter()},
         .table = {.columns = {"InstanceId", "Timestamp", "PasswordData"}}},
        output(), handle);
}

}  // namespace kiln::api
