#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/snapshot.hpp"
#include "api/shapes/volume.hpp"
#include "base/database.hpp"
#include "images/catalog/permission.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;

using View = SnapshotView;
using Result = Page<View>;

std::string size_of(const View& view) {
    return std::to_string(gibibytes_of(view.snapshot.volume_size));
}

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Snapshots", "snapshotSet", snapshot_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"description", [](const View& v) { return Values{v.snapshot.description}; }},
         {"encrypted", [](const View& v) { return Values{v.snapshot.key_id ? "true" : "false"}; }},
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

/// Owners are account ids and "self".
void keep_owners(std::vector<View>& views, const Values& owners, const images::Caller& caller) {
    if (owners.empty()) return;
    std::erase_if(views, [&](const View& view) {
        return std::ranges::none_of(owners, [&](const std::string& owner) {
            return view.snapshot.owner.str() == (owner == "self" ? caller.account.str() : owner);
        });
    });
}

/// Whom a snapshot must be shared with: account ids, "self" and "all". With whom else it is shared,
/// its owner alone may know.
void keep_restorable(Session& session, std::vector<View>& views, const Values& users,
                     const images::Caller& caller) {
    if (users.empty()) return;
    std::erase_if(views, [&](const View& view) {
        const Values grantees = images::grantees_of(session, view.snapshot.id);
        return std::ranges::none_of(users, [&](const std::string& user) {
            const std::string& account = user == "self" ? caller.account.str() : user;
            const bool may_know = view.snapshot.owner == caller.account ||
                                  account == caller.account.str() || account == images::everybody;
            return view.snapshot.owner.str() == account ||
                   (may_know && std::ranges::find(grantees, account) != grantees.end());
        });
    });
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
        keep_restorable(session, views, arguments.texts("RestorableBy"), caller);
    });
    for (View& view : views) {
        if (view.snapshot.state != images::SnapshotState::pending) continue;
        view.copied_percent = services.launcher.copied_percent(view.snapshot.id);
    }
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
         .summary = "Show your snapshots and those shared with you",
         .example = "kiln describe-snapshots --owner-ids self",
         .parameters = {ids_parameter("SnapshotId", "Ids of the snapshots to show"),
                        {.name = "OwnerIds",
                         .wire = "Owner",
                         .list = true,
                         .help = "Only snapshots of these accounts; self is your own"},
                        {.name = "RestorableByUserIds",
                         .wire = "RestorableBy",
                         .list = true,
                         .help = "Only snapshots that these accounts may make volumes of; self, "
                                 "all"},
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
