#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/export_task.hpp"

namespace kiln::api {

namespace {

builder::ExportRequest request_of(const Arguments& arguments) {
    builder::ExportRequest request{
        .image = ImageId(arguments.required_text("ImageId")),
        .format = images::parse_disk_image_format(arguments.required_text("DiskImageFormat")),
        .description = arguments.text("Description").value_or(""),
        .role_name = arguments.text("RoleName").value_or(""),
        .client_token = arguments.text("ClientToken").value_or("")};
    if (const auto base = arguments.text("BaseImageId")) request.base = ImageId(*base);
    if (arguments.has("S3ExportLocation")) {
        const Arguments location = arguments.structure("S3ExportLocation");
        request.location = images::ObjectPrefix{.bucket = location.required_text("S3Bucket"),
                                                .prefix = location.text("S3Prefix").value_or("")};
    }
    return request;
}

ExportTaskView handle(Services& services, const images::Caller& caller,
                      const Arguments& arguments) {
    return view_of(services.exports, services.exports.export_image(caller, request_of(arguments)));
}

Parameter location_parameter() {
    return {.name = "S3ExportLocation",
            .wire = "S3ExportLocation",
            .shape = Shape::structure,
            .help =
                "Into which bucket the file is put; without, it is kept for a day, to be "
                "fetched",
            .members = {{.name = "S3Bucket",
                         .wire = "S3Bucket",
                         .required = true,
                         .help = "The bucket; it becomes yours when it is new"},
                        {.name = "S3Prefix",
                         .wire = "S3Prefix",
                         .help = "How the object's key begins; then come the task's id and the "
                                 "format"}}};
}

}  // namespace

Action export_image() {
    return with_handler<ExportTaskView>(
        {.name = "ExportImage",
         .summary = "Start to make a file of another format of an image (`kiln export` also waits "
                    "and fetches it)",
         .example = "kiln export-image --image-id ami-0123456789abcdef0 --disk-image-format VMDK",
         .parameters =
             {image_id_parameter("Your image"),
              {.name = "DiskImageFormat",
               .wire = "DiskImageFormat",
               .required = true,
               .help = "EC2's VMDK (streamOptimized), RAW and VHD (dynamic), or another one",
               .choices = {"VMDK", "RAW", "VHD", "qcow2", "vhdx", "ova", "vagrant-libvirt"}},
              {.name = "BaseImageId",
               .wire = "BaseImageId",
               .help = "Of qcow2: an image whose content is left out; the file stands on "
                       "<that id>.qcow2 beside it",
               .image = ImageUse::image},
              location_parameter(),
              {.name = "Description", .wire = "Description", .help = "What it is for"},
              {.name = "RoleName",
               .wire = "RoleName",
               .help = "Taken and answered for clients that send it; nothing here needs a role"},
              client_token_parameter(),
              dry_run_parameter()},
         .table = {.columns = {"ExportImageTaskId", "ImageId", "DiskImageFormat", "Status",
                               "StatusMessage"}},
         .waiter = Waiter{.action = "DescribeExportImageTasks",
                          .parameter = "ExportImageTaskId",
                          .ids = "ExportImageTaskId",
                          .request_ids = "",
                          .state = "ExportImageTasks.Status",
                          .wanted = "completed",
                          .failed = {"deleting", "deleted"},
                          .reason = "ExportImageTasks.StatusMessage"}},
        export_task_structure(), handle);
}

}  // namespace kiln::api
