#include "api/shapes/bundle_task.hpp"

#include "api/shapes/common.hpp"

namespace kiln::api {

namespace {

using View = BundleTaskView;

const Structure<View>& storage_structure() {
    static const auto s3 =
        Structure<View>()
            .text("Bucket", "bucket", [](const View& v) { return v.task.bucket; })
            .text("Prefix", "prefix", [](const View& v) { return v.task.prefix; });
    static const auto structure =
        Structure<View>().structure("S3", "S3", s3, [](const View& v) { return v; });
    return structure;
}

const Structure<View>& error_structure() {
    static const auto structure =
        Structure<View>()
            .text("Code", "code", [](const View& v) { return v.task.error_code; })
            .text("Message", "message", [](const View& v) { return v.task.error_message; });
    return structure;
}

}  // namespace

std::string progress_of(const BundleTaskView& view) {
    if (view.task.state == images::BundleTaskState::complete) return "100%";
    return std::to_string(view.percent.value_or(0)) + "%";
}

const Structure<BundleTaskView>& bundle_task_structure() {
    static const auto structure =
        Structure<View>()
            .text("BundleId", "bundleId", [](const View& v) { return v.task.id.str(); })
            .text("InstanceId", "instanceId", [](const View& v) { return v.task.instance.str(); })
            .text("State", "state",
                  [](const View& v) { return std::string(to_text(v.task.state)); })
            .text("Progress", "progress", [](const View& v) { return progress_of(v); })
            .text("StartTime", "startTime",
                  [](const View& v) { return format_time(v.task.started); })
            .text("UpdateTime", "updateTime",
                  [](const View& v) { return format_time(v.task.updated); })
            .structure("Storage", "storage", storage_structure(), [](const View& v) { return v; })
            .structure("BundleTaskError", "error", error_structure(),
                       [](const View& v) -> std::optional<View> {
                           if (v.task.error_code.empty()) return std::nullopt;
                           return v;
                       });
    return structure;
}

Structure<BundleTaskResult> bundle_task_result() {
    return Structure<BundleTaskResult>().structure(
        "BundleTask", "bundleInstanceTask", bundle_task_structure(),
        [](const BundleTaskResult& result) { return result.view; });
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

}  // namespace kiln::api
