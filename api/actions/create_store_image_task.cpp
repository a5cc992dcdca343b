#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::string object_key;
};

Structure<Result> output() {
    return Structure<Result>().text("ObjectKey", "objectKey",
                                    [](const Result& r) { return r.object_key; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    return {services.launcher.create_store_image_task(
        caller, ImageId(arguments.required_text("ImageId")), arguments.required_text("Bucket"))};
}

}  // namespace

Action create_store_image_task() {
    return with_handler<Result>(
        {.name = "CreateStoreImageTask",
         .summary = "Store an EBS-backed image with all its disks as one object of a bucket",
         .example = "kiln create-store-image-task --image-id ami-0123456789abcdef0 --bucket images",
         .parameters = {image_id_parameter("Your image"),
                        {.name = "Bucket",
                         .wire = "Bucket",
                         .required = true,
                         .help = "The bucket; it becomes yours when it is new"},
                        dry_run_parameter()},
         .table = {.columns = {"ObjectKey"}}},
        output(), handle);
}

}  // namespace kiln::api
