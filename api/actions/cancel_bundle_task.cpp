#include "api/action.hpp"
#include "api/shapes/bundle_task.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

BundleTaskResult handle(Services& services, const images::Caller& caller,
                        const Arguments& arguments) {
    return {.view = {.task = services.launcher.cancel_bundle_task(
                         caller, images::BundleTaskId(arguments.required_text("BundleId")))}};
}

}  // namespace

Action cancel_bundle_task() {
    return with_handler<BundleTaskResult>(
        {.name = "CancelBundleTask",
         .summary = "End a bundling that goes on, and remove what it has stored",
         .example = "kiln cancel-bundle-task --bundle-id bun-0123456789abcdef0",
         .parameters =
             {{.name = "BundleId", .wire = "BundleId", .required = true, .help = "The task"},
              dry_run_parameter()},
         .table = {.rows = "BundleTask", .columns = {"BundleId", "InstanceId", "State"}}},
        bundle_task_result(), handle);
}

}  // namespace kiln::api
