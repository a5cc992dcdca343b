#include "api/action.hpp"
#include "api/shapes/bundle_task.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

BundleTaskResult handle(Services& services, const images::Caller& caller,
                        const Arguments& arguments) {
    const Arguments s3 = arguments.structure("Storage").structure("S3");
    return {.view = {.task = services.launcher.bundle_instance(
                         caller, {.instance = InstanceId(arguments.required_text("InstanceId")),
                                  .bundle = {.bucket = s3.required_text("Bucket"),
                                             .prefix = s3.required_text("Prefix")}})}};
}

}  // namespace

Action bundle_instance() {
    return with_handler<BundleTaskResult>(
        {.name = "BundleInstance",
         .summary = "Bundle an instance's root disk for an instance-store image",
         .example = "kiln bundle-instance --instance-id i-0123456789abcdef0 --storage "
                    "S3={Bucket=images,Prefix=web} --wait",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance, running or stopped"},
                        storage_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "BundleTask",
                   .columns = {"BundleId", "InstanceId", "State", "StartTime"}},
         .waiter = Waiter{.action = "DescribeBundleTasks",
                          .parameter = "BundleId",
                          .ids = "BundleTask.BundleId",
                          .state = "BundleTasks.State",
                          .wanted = "complete",
                          .failed = {"failed"},
                          .reason = "BundleTasks.BundleTaskError.Message"}},
        bundle_task_result(), handle);
}

}  // namespace kiln::api
