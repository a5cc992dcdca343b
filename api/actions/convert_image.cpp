#include "api/action.hpp"
#include "api/shapes/bundle_task.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    ImageId image;
};

Structure<Result> output() {
    return Structure<Result>().text("ImageId", "imageId",
                                    [](const Result& r) { return r.image.str(); });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    launcher::ConvertImageRequest request{
        .source = ImageId(arguments.required_text("ImageId")),
        .name = arguments.required_text("Name"),
        .description = arguments.text("Description").value_or(""),
        .bundle = std::nullopt,
        .image_tags = tags_for(arguments, "image", {"image", "snapshot"}),
        .snapshot_tags = tags_for(arguments, "snapshot", {"image", "snapshot"})};
    const Arguments s3 = arguments.structure("Storage").structure("S3");
    if (s3.text("Bucket")) {
        request.bundle = {.bucket = s3.required_text("Bucket"),
                          .prefix = s3.required_text("Prefix")};
    }
    return {services.launcher.convert_image(caller, request)};
}

}  // namespace

Action convert_image() {
    Parameter storage = storage_parameter();
    storage.required = false;
    storage.help =
        "Where the bundle of an instance-store image goes; without it the image becomes "
        "EBS-backed";
    return with_handler<Result>(
        {.name = "ConvertImage",
         .summary = "Make an EBS-backed image of an instance-store one, or the other way round",
         .example = "kiln convert-image --image-id ami-0123456789abcdef0 --name web-ebs --wait",
         .parameters =
             {image_id_parameter("Your image"),
              {.name = "Name", .wire = "Name", .required = true, .help = "Name of the new image"},
              {.name = "Description", .wire = "Description", .help = "What the new image is"},
              storage,
              tag_specifications_parameter(),
              dry_run_parameter()},
         .table = {.columns = {"ImageId"}},
         .waiter = Waiter{.action = "DescribeImages",
                          .parameter = "ImageId",
                          .ids = "ImageId",
                          .state = "Images.State",
                          .wanted = "available",
                          .failed = {"failed"},
                          .reason = "Images.StateReason.Message"}},
        output(), handle);
}

}  // namespace kiln::api
