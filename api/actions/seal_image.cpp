#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "builder/sealing/image_sealer.hpp"

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
    return {services.sealer.seal_image(
        caller, {.source = ImageId(arguments.required_text("ImageId")),
                 .name = arguments.required_text("Name"),
                 .description = arguments.text("Description").value_or(""),
                 .sparsify = arguments.boolean("Sparsify").value_or(false)})};
}

}  // namespace

Action seal_image() {
    return with_handler<Result>(
        {.name = "SealImage",
         .summary = "Make an image of another one of yours without what each instance must have "
                    "of its own: machine id, host keys, logs, shell history, leases",
         .example = "kiln seal-image --image-id ami-0123456789abcdef0 --name golden-2 --wait",
         .parameters =
             {image_id_parameter("An EBS-backed image of yours, with a Linux"),
              {.name = "Name", .wire = "Name", .required = true, .help = "Name of the new image"},
              {.name = "Description",
               .wire = "Description",
               .help = "What the new image is; as the other's when left out"},
              {.name = "Sparsify",
               .wire = "Sparsify",
               .shape = Shape::boolean,
               .help = "Store its root as one file that shares nothing with the other's, without "
                       "the blocks that its file systems do not use"},
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
