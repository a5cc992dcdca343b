#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "builder/import/importer.hpp"

namespace kiln::api {

namespace {

struct Result {};

Structure<Result> output() {
    return Structure<Result>().boolean("Return", "return", [](const Result&) { return true; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.importer.uploads().remove(caller,
                                       images::UploadId(arguments.required_text("UploadId")));
    return {};
}

}  // namespace

Action delete_upload() {
    return with_handler<Result>(
        {.name = "DeleteUpload",
         .summary = "Remove a sent file that is not to be imported",
         .example = "kiln delete-upload --upload-id upload-0123456789abcdef0",
         .parameters =
             {{.name = "UploadId", .wire = "UploadId", .required = true, .help = "The upload"},
              dry_run_parameter()}},
        output(), handle);
}

}  // namespace kiln::api
