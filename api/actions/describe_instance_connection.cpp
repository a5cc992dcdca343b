#include "api/action.hpp"
#include "base/ids.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Result = launcher::InstanceConnection;

Structure<Result> output() {
    return Structure<Result>()
        .text("Host", "host", [](const Result& r) { return r.host; })
        .integer("Port", "port", [](const Result& r) { return std::int64_t{r.port}; })
        .text("User", "user", [](const Result& r) { return r.user; })
        .text("KeyName", "keyName", [](const Result& r) { return r.key_name; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    return services.launcher.instance_connection(caller,
                                                 InstanceId(arguments.required_text("InstanceId")));
}

}  // namespace

Action describe_instance_connection() {
    return with_handler<Result>(
        {.name = "DescribeInstanceConnection",
         .summary = "Show where a running instance's ssh server answers",
         .example = "kiln describe-instance-connection --instance-id i-0123456789abcdef0",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        dry_run_parameter()},
         .table = {.columns = {"Host", "Port", "User", "KeyName"}}},
        output(), handle);
}

}  // namespace kiln::api
