#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "images/catalog/snapshot.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;

/// EC2's volume id of a snapshot that was not taken from a volume.
constexpr const char* no_volume = "vol-ffffffff";

struct View {
    images::Snapshot snapshot;
    std::vector<images::Tag> tags;
};
using Result = Page<View>;

std::string volume_of(const View& view) {
    return view.snapshot.volume ? view.snapshot.volume->str() : no_volume;
}

/// A snapshot freezes a layer in an instant, so there is nothing in between.
std::string progress_of(const View& view) {
    return view.snapshot.state == images::SnapshotState::completed ? "100%" : "0%";
}

std::string size_of(const View& view) {
    return std::to_string(view.snapshot.volume_size.in_gibibytes());
}

Structure<Result> output() {
    const auto item =
        Structure<View>()
            .text("SnapshotId", "snapshotId", [](const View& v) { return v.snapshot.id.str(); })
            .text("VolumeId", "volumeId", volume_of)
            .text("State", "status",
                  [](const View& v) { return std::string(to_text(v.snapshot.state)); })
            .text("StartTime", "startTime",
                  [](const View& v) { return format_time(v.snapshot.created); })
            .text("Progress", "progress", progress_of)
            .text("OwnerId", "ownerId", [](const View& v) { return v.snapshot.owner.str(); })
            .integer("VolumeSize", "volumeSize",
                     [](const View& v) {
                         return static_cast<std::int64_t>(v.snapshot.volume_size.in_gibibytes());
                     })
            .text("Description", "description",
                  [](const View& v) { return v.snapshot.description; })
            .boolean("Encrypted", "encrypted", [](const View&) { return false; })
            .text("StorageTier", "storageTier", [](const View&) { return std::string("standard"); })
            .list(
                "Tags", "tagSet", tag_structure(),
                [](const View& v) -> const auto& { return v.tags; });
    return Structure<Result>()
        .list(
            "Snapshots", "snapshotSet", item,
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"description", [](const View& v) { return Values{v.snapshot.description}; }},
         {"encrypted", [](const View&) { return Values{"false"}; }},
         {"owner-id", [](const View& v) { return Values{v.snapshot.owner.str()}; }},
         {"progress", [](const View& v) { return Values{progress_of(v)}; }},
         {"snapshot-id", [](const View& v) { return Values{v.snapshot.id.str()}; }},
         {"start-time", [](const View& v) { return Values{format_time(v.snapshot.created)}; }},
         {"status", [](const View& v) { return Values{std::string(to_text(v.snapshot.state))}; }},
         {"storage-tier", [](const View&) { return Values{"standard"}; }},
         {"volume-id", [](const View& v) { return Values{volume_of(v)}; }},
         {"volume-size", [](const View& v) { return Values{size_of(v)}; }}},
        [](const View& v) -> const auto& { return v.tags; });
    return table;
}

Error not_found(const SnapshotId& id) {
    return {"InvalidSnapshot.NotFound", id.str(),
            "The snapshot '" + id.str() + "' does not exist."};
}

/// "self" and the caller's own id show the caller's snapshots; others' are not visible yet to
/// anybody.
void keep_owners(std::vector<View>& views, const Values& owners, const images::Caller& caller) {
    if (owners.empty()) return;
    const bool own = std::ranges::any_of(owners, [&](const std::string& owner) {
        return owner == "self" || owner == caller.account.str();
    });
    if (!own) views.clear();
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "SnapshotId");
    std::vector<View> views;
    services.database.read([&](Session& session) {
        const auto tags = images::tags_by_resource(session, caller.scope());
        for (images::Snapshot& snapshot : images::list_snapshots(session, caller.scope())) {
            const auto own_tags = tags.find(snapshot.id.str());
            views.push_back({.snapshot = std::move(snapshot)});
            if (own_tags != tags.end()) views.back().tags = own_tags->second;
        }
    });
    keep_ids<View, SnapshotId>(
        views, ids_of<SnapshotId>(arguments, "SnapshotId"),
        [](const View& v) -> const SnapshotId& { return v.snapshot.id; }, not_found);
    keep_owners(views, arguments.texts("Owner"), caller);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views),
                         [](const View& v) { return v.snapshot.id.str(); });
}

}  // namespace

Action describe_snapshots() {
    return with_handler<Result>(
        {.name = "DescribeSnapshots",
         .summary = "Show your snapshots",
         .example = "kiln describe-snapshots --owner-ids self",
         .parameters = {ids_parameter("SnapshotId", "Ids of the snapshots to show"),
                        {.name = "OwnerIds",
                         .wire = "Owner",
                         .list = true,
                         .help = "Only snapshots of these accounts; self is your own"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Snapshots",
                   .columns = {"SnapshotId", "VolumeId", "VolumeSize", "State", "Progress",
                               "StartTime", "Description"}}},
        output(), handle);
}

}  // namespace kiln::api
