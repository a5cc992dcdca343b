#include "api/action.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "builder/import/importer.hpp"

namespace kiln::api {

namespace {

struct View {
    images::Upload upload;
    Bytes received;
};
using Result = Page<View>;

Structure<Result> output() {
    const auto upload =
        Structure<View>()
            .text("UploadId", "uploadId", [](const View& v) { return v.upload.id.str(); })
            .integer("Size", "size",
                     [](const View& v) { return static_cast<std::int64_t>(v.upload.size.value); })
            .integer("Received", "received",
                     [](const View& v) { return static_cast<std::int64_t>(v.received.value); })
            .text("StartTime", "startTime",
                  [](const View& v) { return format_time(v.upload.created); });
    return Structure<Result>()
        .list(
            "Uploads", "uploadSet", upload, [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

Error not_found(const images::UploadId& id) {
    return {"InvalidUploadId.NotFound", id.str(), "The upload '" + id.str() + "' does not exist"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "UploadId");
    std::vector<View> views;
    const auto uploads = services.database.read(
        [&](Session& session) { return images::list_uploads(session, caller.scope()); });
    for (const images::Upload& upload : uploads)
        views.push_back(
            {.upload = upload, .received = services.importer.uploads().received(upload)});
    keep_ids<View, images::UploadId>(
        views, ids_of<images::UploadId>(arguments, "UploadId"),
        [](const View& v) -> const images::UploadId& { return v.upload.id; }, not_found);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views),
                         [](const View& v) { return v.upload.id.str(); });
}

}  // namespace

Action describe_uploads() {
    return with_handler<Result>(
        {.name = "DescribeUploads",
         .summary = "Show the files that are being sent, and how much of each is there",
         .example = "kiln describe-uploads",
         .parameters = {ids_parameter("UploadId", "Ids of the uploads"), max_results_parameter(),
                        next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "Uploads", .columns = {"UploadId", "Size", "Received", "StartTime"}}},
        output(), handle);
}

}  // namespace kiln::api
