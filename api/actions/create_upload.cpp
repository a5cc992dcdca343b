#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "builder/import/importer.hpp"

namespace kiln::api {

namespace {

struct Result {
    images::Upload upload;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("UploadId", "uploadId", [](const Result& r) { return r.upload.id.str(); })
        .integer("Size", "size",
                 [](const Result& r) { return static_cast<std::int64_t>(r.upload.size.value); });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::int64_t size = arguments.integer("Size").value();
    if (size < 0) {
        throw Error(error_code::invalid_parameter_value, std::to_string(size),
                    "a file does not have less than no bytes");
    }
    return {services.importer.uploads().create(caller, {static_cast<std::uint64_t>(size)})};
}

}  // namespace

Action create_upload() {
    return with_handler<Result>(
        {.name = "CreateUpload",
         .summary = "Begin to send a file that is to be imported ('kiln import' does it)",
         .example = "kiln create-upload --size 1048576",
         .parameters = {{.name = "Size",
                         .wire = "Size",
                         .shape = Shape::integer,
                         .required = true,
                         .help = "Bytes of the file; they are sent with PUT "
                                 "/uploads/UPLOAD-ID?offset=N on the service's socket"},
                        dry_run_parameter()},
         .table = {.columns = {"UploadId", "Size"}}},
        output(), handle);
}

}  // namespace kiln::api
