#include "api/action.hpp"
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    InstanceId instance;
    Time time;
    std::string output;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("InstanceId", "instanceId", [](const Result& r) { return r.instance.str(); })
        .text("Timestamp", "timestamp", [](const Result& r) { return format_time(r.time); })
        .encoded_text("Output", "output", [](const Result& r) { return r.output; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    return {.instance = id,
            .time = services.clock.now(),
            .output = services.launcher.console_output(caller, id)};
}

}  // namespace

Action get_console_output() {
    return with_handler<Result>(
        {.name = "GetConsoleOutput",
         .summary = "Show what an instance said on its serial console",
         .example = "kiln get-console-output --instance-id i-0123456789abcdef0 --output text",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        {.name = "Latest",
                         .wire = "Latest",
                         .shape = Shape::boolean,
                         .help = "The newest output; here it always is"},
                        dry_run_parameter()},
         .table = {.columns = {"Output"}}},
        output(), handle);
}

}  // namespace kiln::api
