#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/region.hpp"
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
    return {services.launcher.copy_image(
        caller, {.source_region = arguments.required_text("SourceRegion"),
                 .source = ImageId(arguments.required_text("SourceImageId")),
                 .name = arguments.required_text("Name"),
                 .description = arguments.text("Description").value_or(""),
                 .copy_image_tags = arguments.boolean("CopyImageTags").value_or(false),
                 .image_tags = tags_for(arguments, "image", {"image", "snapshot"}),
                 .snapshot_tags = tags_for(arguments, "snapshot", {"image", "snapshot"}),
                 .client_token = arguments.text("ClientToken").value_or(""),
                 .encryption = encryption_of(arguments)})};
}

}  // namespace

Action copy_image() {
    return with_handler<Result>(
        {.name = "CopyImage",
         .summary = "Copy an image into this region; only what it lacks is sent",
         .example = "kiln copy-image --region local-2 --source-region local-1 --source-image-id "
                    "ami-0123456789abcdef0 --name golden --wait",
         .parameters =
             {source_region_parameter(),
              {.name = "SourceImageId",
               .wire = "SourceImageId",
               .required = true,
               .help = "The image; its disks must be yours or shared with you",
               .image = ImageUse::image,
               .image_region = "SourceRegion"},
              {.name = "Name", .wire = "Name", .required = true, .help = "Name of the copy"},
              {.name = "Description", .wire = "Description", .help = "What the copy is"},
              {.name = "CopyImageTags",
               .wire = "CopyImageTags",
               .shape = Shape::boolean,
               .help = "Give the copy the tags that you gave the image"},
              encrypted_parameter("Encrypt the copy's snapshots; those of encrypted ones are "
                                  "encrypted anyway"),
              kms_key_id_parameter(),
              tag_specifications_parameter(),
              client_token_parameter(),
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
