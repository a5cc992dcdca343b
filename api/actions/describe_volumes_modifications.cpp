#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using View = images::VolumeModification;
using Result = Page<View>;
using Values = std::vector<std::string>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "VolumesModifications", "volumeModificationSet", volume_modification_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"modification-state",
          [](const View& v) { return Values{std::string(to_text(v.state))}; }},
         {"original-size",
          [](const View& v) { return Values{std::to_string(gibibytes_of(v.original_size))}; }},
         {"original-volume-type", [](const View& v) { return Values{v.original_type}; }},
         {"start-time", [](const View& v) { return Values{format_time(v.started)}; }},
         {"target-size",
          [](const View& v) { return Values{std::to_string(gibibytes_of(v.target_size))}; }},
         {"target-volume-type", [](const View& v) { return Values{v.target_type}; }},
         {"volume-id", [](const View& v) { return Values{v.volume.str()}; }}});
    return table;
}

Error never_modified(const VolumeId& id) {
    return {"InvalidVolumeModification.NotFound", id.str(),
            "Modification for volume '" + id.str() + "' does not exist."};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "VolumeId");
    const auto ids = ids_of<VolumeId>(arguments, "VolumeId");
    auto views = services.database.read([&](Session& session) {
        for (const VolumeId& id : ids)
            images::get_volume(session, caller.scope(), id);
        return images::list_volume_modifications(session, caller.scope());
    });
    keep_ids<View, VolumeId>(
        views, ids, [](const View& v) -> const VolumeId& { return v.volume; }, never_modified);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views), [](const View& v) { return v.volume.str(); });
}

}  // namespace

Action describe_volumes_modifications() {
    return with_handler<Result>(
        {.name = "DescribeVolumesModifications",
         .summary = "Show the last change of each volume that was changed",
         .example = "kiln describe-volumes-modifications",
         .parameters = {ids_parameter("VolumeId", "Ids of the volumes"), filters_parameter(),
                        max_results_parameter(), next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "VolumesModifications",
                   .columns = {"VolumeId", "ModificationState", "OriginalSize", "TargetSize",
                               "OriginalVolumeType", "TargetVolumeType", "StartTime"}}},
        output(), handle);
}

}  // namespace kiln::api
