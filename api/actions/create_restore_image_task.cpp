#include "api/action.hpp"
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
    return {services.launcher.create_restore_image_task(
        caller, {.object = {.bucket = arguments.required_text("Bucket"),
                            .key = arguments.required_text("ObjectKey")},
                 .name = arguments.text("Name").value_or(""),
                 .image_tags = tags_for(arguments, "image", {"image", "snapshot"}),
                 .snapshot_tags = tags_for(arguments, "snapshot", {"image", "snapshot"})})};
}

}  // namespace

Action create_restore_image_task() {
    return with_handler<Result>(
        {.name = "CreateRestoreImageTask",
         .summary = "Make an image of one that was stored in a bucket",
         .example = "kiln create-restore-image-task --bucket images --object-key "
                    "ami-0123456789abcdef0.bin --name restored --wait",
         .parameters =
             {{.name = "Bucket", .wire = "Bucket", .required = true, .help = "Your bucket"},
              {.name = "ObjectKey",
               .wire = "ObjectKey",
               .required = true,
               .help = "The object's key, as CreateStoreImageTask said"},
              {.name = "Name",
               .wire = "Name",
               .help = "Name of the image; without it that which it had"},
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
