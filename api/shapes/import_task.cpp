#include "api/shapes/import_task.hpp"

#include <fmt/format.h>

#include "api/output/filter.hpp"
#include "api/shapes/common.hpp"
#include "builder/import/imported_image.hpp"

namespace kiln::api {

namespace {

using builder::ImportedSnapshot;
using images::TaskState;
using View = ImportTaskView;

bool is_active(const View& view) {
    return view.task.state == TaskState::active;
}

std::optional<std::string> progress_of(const View& view) {
    if (!is_active(view)) return std::nullopt;
    return std::to_string(view.progress.percent);
}

std::optional<std::string> message_of(const View& view) {
    return if_any(is_active(view) ? view.progress.step : view.task.message);
}

std::string state_of(const View& view) {
    return std::string(to_text(view.task.state));
}

std::vector<ImportedSnapshot> snapshots_of(const View& view) {
    return builder::imported_snapshots(view.task);
}

double gibibytes(Bytes size) {
    return static_cast<double>(size.value) / static_cast<double>(1ULL << 30U);
}

/// Those fields that EC2 gives a disk in both answers.
Structure<ImportedSnapshot> disk_structure() {
    return Structure<ImportedSnapshot>()
        .text("Description", "description",
              [](const ImportedSnapshot& s) { return if_any(s.description); })
        .text("DiskImageSize", "diskImageSize",
              [](const ImportedSnapshot& s) { return fmt::format("{:g}", gibibytes(s.size)); })
        .text("Format", "format", [](const ImportedSnapshot& s) { return if_any(s.format); })
        .text("SnapshotId", "snapshotId", [](const ImportedSnapshot& s) { return s.id.str(); })
        .text("Url", "url", [](const ImportedSnapshot& s) { return if_any(s.source); });
}

constexpr const char* filters_wire = "Filters";

const FilterTable<View>& filter_table() {
    static const FilterTable<View> table(
        {{"task-state", [](const View& v) { return std::vector<std::string>{state_of(v)}; }}});
    return table;
}

/// An object of a bucket has a URL, too.
builder::DiskSource source_at(const std::string& url) {
    constexpr std::string_view scheme = "s3://";
    if (!url.starts_with(scheme)) return builder::DiskUrl{url};
    const std::string rest = url.substr(scheme.size());
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    return images::ObjectName{.bucket = rest.substr(0, slash),
                              .key = slash < rest.size() ? rest.substr(slash + 1) : ""};
}

}  // namespace

ImportTaskView view_of(Session& session, const builder::Importer& importer,
                       const images::ImportTask& task) {
    View view{.task = task,
              .request = builder::parse_import_request(task.request).request,
              .progress = importer.progress(task.id)};
    if (task.image) view.image = images::find_image(session, *task.image);
    return view;
}

const Structure<ImportTaskView>& import_image_task_structure() {
    static const auto disk = disk_structure().text(
        "DeviceName", "deviceName", [](const ImportedSnapshot& s) { return s.device_name; });
    static const auto task =
        Structure<View>()
            .text("ImportTaskId", "importTaskId", [](const View& v) { return v.task.id; })
            .text("ImageId", "imageId",
                  [](const View& v) {
                      return v.task.image ? std::optional(v.task.image->str()) : std::nullopt;
                  })
            .text("Status", "status", state_of)
            .text("StatusMessage", "statusMessage", message_of)
            .text("Progress", "progress", progress_of)
            .text("Description", "description",
                  [](const View& v) { return if_any(v.request.description); })
            .text("Architecture", "architecture",
                  [](const View& v) -> std::optional<std::string> {
                      if (!v.image) return std::nullopt;
                      return std::string(to_text(v.image->architecture));
                  })
            .text("BootMode", "bootMode",
                  [](const View& v) -> std::optional<std::string> {
                      if (!v.image) return std::nullopt;
                      return std::string(to_text(v.image->boot_mode));
                  })
            .text("Platform", "platform",
                  [](const View& v) -> std::optional<std::string> {
                      if (!v.image) return std::nullopt;
                      return v.image->platform.empty() ? "Linux" : "Windows";
                  })
            .list("SnapshotDetails", "snapshotDetailSet", disk, snapshots_of)
            .list("Tags", "tagSet", tag_structure(),
                  [](const View& v) { return v.request.task_tags; });
    return task;
}

const Structure<ImportTaskView>& import_snapshot_task_structure() {
    struct Detail {
        View view;
        std::optional<ImportedSnapshot> disk;
    };
    static const auto detail =
        Structure<Detail>()
            .text("Description", "description",
                  [](const Detail& d) { return if_any(d.view.request.description); })
            .text("DiskImageSize", "diskImageSize",
                  [](const Detail& d) -> std::optional<std::string> {
                      if (!d.disk) return std::nullopt;
                      return fmt::format("{:g}", gibibytes(d.disk->size));
                  })
            .text("Format", "format",
                  [](const Detail& d) { return if_any(d.view.request.disks.front().format); })
            .text("Progress", "progress", [](const Detail& d) { return progress_of(d.view); })
            .text("SnapshotId", "snapshotId",
                  [](const Detail& d) {
                      return d.disk ? std::optional(d.disk->id.str()) : std::nullopt;
                  })
            .text("Status", "status", [](const Detail& d) { return state_of(d.view); })
            .text("StatusMessage", "statusMessage",
                  [](const Detail& d) { return message_of(d.view); });
    static const auto task =
        Structure<View>()
            .text("ImportTaskId", "importTaskId", [](const View& v) { return v.task.id; })
            .text("Description", "description",
                  [](const View& v) { return if_any(v.request.description); })
            .structure("SnapshotTaskDetail", "snapshotTaskDetail", detail,
                       [](const View& v) {
                           const auto disks = snapshots_of(v);
                           return Detail{
                               .view = v,
                               .disk = disks.empty() ? std::nullopt : std::optional(disks.front())};
                       })
            .list("Tags", "tagSet", tag_structure(),
                  [](const View& v) { return v.request.task_tags; });
    return task;
}

std::vector<Parameter> import_task_parameters() {
    Parameter filters = filters_parameter();
    filters.wire = filters_wire;
    return {ids_parameter("ImportTaskId", "Ids of the tasks"), filters, max_results_parameter(),
            next_token_parameter(), dry_run_parameter()};
}

Page<ImportTaskView> describe_import_tasks(Services& services, const images::Caller& caller,
                                           const Arguments& arguments, const char* prefix) {
    check_ids_or_pages(arguments, "ImportTaskId");
    const std::vector<std::string> ids = arguments.texts("ImportTaskId");
    for (const std::string& id : ids)
        detail::check_id(id, prefix, images::ImportImageTaskKind::malformed_code);
    std::vector<View> views;
    services.database.read([&](Session& session) {
        for (const images::ImportTask& task :
             images::list_import_tasks(session, caller.scope(), prefix)) {
            views.push_back(view_of(session, services.importer, task));
        }
    });
    keep_ids<View, std::string>(
        views, ids, [](const View& v) -> const std::string& { return v.task.id; },
        images::import_task_not_found);
    filter_table().apply(filters_of(arguments, filters_wire), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views), [](const View& v) { return v.task.id; });
}

std::vector<Parameter> disk_container_members() {
    return {{.name = "Description",
             .wire = "Description",
             .help = "Description of the disk's snapshot"},
            {.name = "DeviceName",
             .wire = "DeviceName",
             .help = "Where the image has it; without it /dev/xvda, then /dev/xvdb and so on"},
            {.name = "Format",
             .wire = "Format",
             .help = "raw, qcow2, vmdk, vhd, vhdx or ova; without it what the header says"},
            {.name = "SnapshotId",
             .wire = "SnapshotId",
             .help = "A snapshot that is taken as it is, instead of a file"},
            {.name = "Url", .wire = "Url", .help = "Where to fetch the file: http or https"},
            {.name = "UserBucket",
             .wire = "UserBucket",
             .shape = Shape::structure,
             .help = "An object of a bucket of yours",
             .members = {{.name = "S3Bucket", .wire = "S3Bucket", .help = "The bucket"},
                         {.name = "S3Key", .wire = "S3Key", .help = "The object's key"}}},
            {.name = "UploadId",
             .wire = "UploadId",
             .help = "A file that was sent after CreateUpload ('kiln import' does it)"},
            {.name = "Sha256",
             .wire = "Sha256",
             .help = "What the file's SHA-256 must be, in hexadecimal digits"}};
}

builder::DiskContainer disk_container_of(const Arguments& container) {
    std::vector<builder::DiskSource> sources;
    if (const auto id = container.text("UploadId")) sources.emplace_back(images::UploadId(*id));
    if (const auto url = container.text("Url")) sources.push_back(source_at(*url));
    if (const auto id = container.text("SnapshotId")) sources.emplace_back(SnapshotId(*id));
    const Arguments object = container.structure("UserBucket");
    if (object.has("S3Bucket") || object.has("S3Key")) {
        sources.emplace_back(images::ObjectName{.bucket = object.text("S3Bucket").value_or(""),
                                                .key = object.text("S3Key").value_or("")});
    }
    if (sources.size() != 1) {
        throw Error(error_code::invalid_parameter_value, "",
                    "a disk has one source: Url, UserBucket with S3Bucket and S3Key, SnapshotId or "
                    "UploadId");
    }
    return {.source = sources.front(),
            .format = container.text("Format").value_or(""),
            .sha256 = container.text("Sha256").value_or(""),
            .description = container.text("Description").value_or(""),
            .device_name = container.text("DeviceName").value_or("")};
}

}  // namespace kiln::api
