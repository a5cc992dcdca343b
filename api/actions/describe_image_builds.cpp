#include <algorithm>

#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "base/clock.hpp"
#include "builder/builder.hpp"

namespace kiln::api {

namespace {

using builder::ImageBuild;

struct Result {
    std::vector<ImageBuild> builds;
};

Structure<Result> output() {
    const auto item =
        Structure<ImageBuild>()
            .text("ImageId", "imageId", [](const ImageBuild& b) { return b.image.str(); })
            .text("Name", "name", [](const ImageBuild& b) { return b.name; })
            .text("State", "state", [](const ImageBuild& b) { return b.state; })
            .text("Step", "step", [](const ImageBuild& b) { return b.step; })
            .integer("Percent", "percent",
                     [](const ImageBuild& b) { return std::int64_t{b.percent}; })
            .text("Message", "message", [](const ImageBuild& b) { return b.message; })
            .text("StartTime", "startTime",
                  [](const ImageBuild& b) { return format_time(b.started); })
            .text("KeptId", "keptId",
                  [](const ImageBuild& b) {
                      return b.kept.empty() ? std::nullopt : std::optional(b.kept);
                  })
            .text_list(
                "Log", "logSet", [](const ImageBuild& b) -> const auto& { return b.log; });
    return Structure<Result>().list(
        "Builds", "buildSet", item, [](const Result& r) -> const auto& { return r.builds; });
}

Error not_found(const ImageId& id) {
    return {"InvalidAMIID.NotFound", id.str(),
            "There is no build of the image '" + id.str() + "' since the service started"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result{services.builder.describe_image_builds(caller)};
    keep_ids<ImageBuild, ImageId>(
        result.builds, ids_of<ImageId>(arguments, "ImageId"),
        [](const ImageBuild& b) -> const ImageId& { return b.image; }, not_found);
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_image_builds() {
    return with_handler<Result>(
        {.name = "DescribeImageBuilds",
         .summary = "Show how far builds are",
         .example = "kiln describe-image-builds",
         .parameters = {ids_parameter("ImageId", "Ids of the images that are being built"),
                        dry_run_parameter()},
         .table = {.rows = "Builds",
                   .columns = {"ImageId", "Name", "State", "Percent", "Step", "Message"}}},
        output(), handle);
}

}  // namespace kiln::api
