#include "api/action.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "hypervisor/hypervisor.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    InstanceId instance;
    std::string image_data;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("InstanceId", "instanceId", [](const Result& r) { return r.instance.str(); })
        .text("ImageData", "imageData", [](const Result& r) { return r.image_data; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    return {.instance = id,
            .image_data = base64_encode(services.launcher.console_screenshot(caller, id).jpeg)};
}

}  // namespace

Action get_console_screenshot() {
    return with_handler<Result>(
        {.name = "GetConsoleScreenshot",
         .summary = "Take a picture of a running instance's screen (JPEG in base64)",
         .example = "kiln get-console-screenshot --instance-id i-0123456789abcdef0 --output text | "
                    "cut -f2 | base64 -d > screen.jpg",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        {.name = "WakeUp",
                         .wire = "WakeUp",
                         .shape = Shape::boolean,
                         .help = "Wake the screen first; here it never sleeps"},
                        dry_run_parameter()},
         .table = {.columns = {"InstanceId", "ImageData"}}},
        output(), handle);
}

}  // namespace kiln::api
