#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "base/database.hpp"
#include "images/catalog/layer.hpp"

namespace kiln::api {

namespace {

using images::Volume;
using images::VolumeAttachment;
using Values = std::vector<std::string>;

using View = VolumeView;
using Result = Page<View>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Volumes", "volumeSet", volume_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

std::function<Values(const View&)> of_attachment(
    const std::function<std::string(const VolumeAttachment&)>& value) {
    return [value](const View& v) {
        return v.volume.attachment ? Values{value(*v.volume.attachment)} : Values{};
    };
}

const FilterTable<View>& filters() {
    using Attachment = VolumeAttachment;
    static const FilterTable<View> table(
        {{"attachment.attach-time",
          of_attachment([](const Attachment& a) { return format_time(a.attached); })},
         {"attachment.delete-on-termination", of_attachment([](const Attachment& a) {
              return a.delete_on_termination ? "true" : "false";
          })},
         {"attachment.device", of_attachment([](const Attachment& a) { return a.device_name; })},
         {"attachment.instance-id",
          of_attachment([](const Attachment& a) { return a.instance.str(); })},
         {"attachment.status",
          of_attachment([](const Attachment& a) { return std::string(to_text(a.state)); })},
         {"availability-zone", [](const View& v) { return Values{v.volume.zone}; }},
         {"create-time", [](const View& v) { return Values{format_time(v.volume.created)}; }},
         {"encrypted", [](const View& v) { return Values{v.volume.key_id ? "true" : "false"}; }},
         {"size",
          [](const View& v) { return Values{std::to_string(gibibytes_of(v.volume.size))}; }},
         {"snapshot-id",
          [](const View& v) { return Values{v.volume.snapshot ? v.volume.snapshot->str() : ""}; }},
         {"status", [](const View& v) { return Values{std::string(to_text(v.volume.state))}; }},
         {"volume-id", [](const View& v) { return Values{v.volume.id.str()}; }},
         {"volume-type", [](const View& v) { return Values{v.volume.volume_type}; }}},
        [](const View& v) -> const auto& { return v.tags; });
    return table;
}

Error not_found(const VolumeId& id) {
    return {"InvalidVolume.NotFound", id.str(), "The volume '" + id.str() + "' does not exist."};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "VolumeId");
    std::vector<View> views;
    services.database.read([&](Session& session) {
        const auto tags = images::tags_by_resource(session, caller.scope());
        const auto depths = images::volume_depths(session, caller.scope());
        for (Volume& volume : images::list_volumes(session, caller.scope())) {
            const auto own_tags = tags.find(volume.id.str());
            views.push_back({.volume = std::move(volume)});
            View& view = views.back();
            if (own_tags != tags.end()) view.tags = own_tags->second;
            if (!view.volume.layer) continue;
            const auto depth = depths.find(view.volume.layer->str());
            if (depth != depths.end()) view.chain_depth = depth->second;
        }
    });
    keep_ids<View, VolumeId>(
        views, ids_of<VolumeId>(arguments, "VolumeId"),
        [](const View& v) -> const VolumeId& { return v.volume.id; }, not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views),
                         [](const View& v) { return v.volume.id.str(); });
}

}  // namespace

Action describe_volumes() {
    return with_handler<Result>(
        {.name = "DescribeVolumes",
         .summary = "Show your volumes",
         .example = "kiln describe-volumes --filters Name=status,Values=available",
         .parameters = {ids_parameter("VolumeId", "Ids of the volumes to show"),
                        filters_parameter(), max_results_parameter(), next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Volumes",
                   .columns = {"VolumeId", "Size", "State", "VolumeType", "SnapshotId",
                               "Attachments.InstanceId", "Attachments.Device", "ChainDepth",
                               "CreateTime"}}},
        output(), handle);
}

}  // namespace kiln::api
