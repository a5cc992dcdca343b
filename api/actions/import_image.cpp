#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/import_task.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

const std::vector<std::string> tagged{"import-image-task", "image", "snapshot"};

builder::ImportImageRequest request_of(const Arguments& arguments) {
    builder::ImportImageRequest request{
        .name = arguments.text("Name").value_or(""),
        .description = arguments.text("Description").value_or(""),
        .platform = arguments.text("Platform").value_or(""),
        .login_user = arguments.text("LoginUser").value_or(""),
        .task_tags = tags_for(arguments, "import-image-task", tagged),
        .image_tags = tags_for(arguments, "image", tagged),
        .snapshot_tags = tags_for(arguments, "snapshot", tagged),
        .client_token = arguments.text("ClientToken").value_or("")};
    for (const Arguments& container : arguments.structures("DiskContainer"))
        request.disks.push_back(disk_container_of(container));
    if (const auto word = arguments.text("Architecture"))
        request.architecture = images::parse_architecture(*word);
    if (const auto word = arguments.text("BootMode"))
        request.boot_mode = images::parse_boot_mode(*word);
    return request;
}

ImportTaskView handle(Services& services, const images::Caller& caller,
                      const Arguments& arguments) {
    const images::ImportTask task = services.importer.import_image(caller, request_of(arguments));
    return services.database.read(
        [&](Session& session) { return view_of(session, services.importer, task); });
}

}  // namespace

Action import_image() {
    return with_handler<ImportTaskView>(
        {.name = "ImportImage",
         .summary = "Make an image of disks that were made elsewhere ('kiln import' sends a file)",
         .example = "kiln import-image --disk-containers "
                    "Url=https://example.com/disk.vmdk,Format=vmdk --name imported --wait",
         .parameters =
             {{.name = "DiskContainers",
               .wire = "DiskContainer",
               .shape = Shape::structure,
               .list = true,
               .required = true,
               .help = "The disks, the one that boots first",
               .members = disk_container_members()},
              {.name = "Name",
               .wire = "Name",
               .help = "Name of the image; without it the task's id"},
              {.name = "Description", .wire = "Description", .help = "Description of the image"},
              {.name = "Architecture",
               .wire = "Architecture",
               .help = "Without it what the system on the disk is for, else x86_64",
               .choices = {"i386", "x86_64", "arm64"}},
              {.name = "BootMode",
               .wire = "BootMode",
               .help = "Without it what the disk has a boot loader for",
               .choices = {"legacy-bios", "uefi", "uefi-preferred"}},
              {.name = "Platform",
               .wire = "Platform",
               .help = "Without it what is found on the disk",
               .choices = {"windows", "linux"}},
              {.name = "LoginUser",
               .wire = "LoginUser",
               .help = "Whom kiln ssh logs in as; without it whom the distribution's own cloud "
                       "images let in, else root"},
              client_token_parameter(),
              tag_specifications_parameter(),
              dry_run_parameter()},
         .table = {.columns = {"ImportTaskId", "Status", "StatusMessage"}},
         .waiter = Waiter{.action = "DescribeImportImageTasks",
                          .parameter = "ImportTaskId",
                          .ids = "ImportTaskId",
                          .state = "ImportImageTasks.Status",
                          .wanted = "completed",
                          .failed = {"deleted"},
                          .reason = "ImportImageTasks.StatusMessage"}},
        import_image_task_structure(), handle);
}

}  // namespace kiln::api
