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

Parameter storage_parameter() {
    const auto ignored = [](const char* name) {
        return Parameter{.name = name,
                         .wire = name,
                         .help = "Taken for the sake of EC2's clients; not needed here"};
    };
    return {.name = "Storage",
            .wire = "Storage",
            .shape = Shape::structure,
            .required = true,
            .help = "Where to: S3={Bucket=images,Prefix=web}",
            .members = {{.name = "S3",
                         .wire = "S3",
                         .shape = Shape::structure,
                         .required = true,
                         .help = "The object store",
                         .members = {{.name = "Bucket",
                                      .wire = "Bucket",
                                      .required = true,
                                      .help = "The bucket; it becomes yours when it is new"},
                                     {.name = "Prefix",
                                      .wire = "Prefix",
                                      .required = true,
                                      .help = "What the names of its objects begin with"},
                                     ignored("AWSAccessKeyId"),
                                     ignored("UploadPolicy"),
                                     ignored("UploadPolicySignature")}}}};
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
