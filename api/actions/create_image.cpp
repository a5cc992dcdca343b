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
    return {services.launcher.create_image(
        caller, {.instance = InstanceId(arguments.required_text("InstanceId")),
                 .name = arguments.required_text("Name"),
                 .description = arguments.text("Description").value_or(""),
                 .no_reboot = arguments.boolean("NoReboot").value_or(false),
                 .block_devices = block_devices_of(arguments),
                 .image_tags = tags_for(arguments, "image", {"image", "snapshot"}),
                 .snapshot_tags = tags_for(arguments, "snapshot", {"image", "snapshot"})})};
}

}  // namespace

Action create_image() {
    return with_handler<Result>(
        {.name = "CreateImage",
         .summary = "Capture an instance as a new image",
         .example =
             "kiln create-image --instance-id i-0123456789abcdef0 --name golden-2 --no-reboot",
         .parameters =
             {{.name = "InstanceId",
               .wire = "InstanceId",
               .required = true,
               .help = "The instance, running or stopped"},
              {.name = "Name", .wire = "Name", .required = true, .help = "Name of the image"},
              {.name = "Description", .wire = "Description", .help = "What the image is"},
              {.name = "NoReboot",
               .wire = "NoReboot",
               .shape = Shape::boolean,
               .help = "Do not reboot the guest: what it has not written to its disks yet is "
                       "not in the image"},
              block_device_mappings_parameter(),
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
