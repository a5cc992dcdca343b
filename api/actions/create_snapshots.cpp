#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/snapshot.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Result = std::vector<SnapshotView>;

Structure<Result> output() {
    return Structure<Result>().list(
        "Snapshots", "snapshotSet", snapshot_info_structure(),
        [](const Result& r) -> const auto& { return r; });
}

launcher::CreateSnapshotsRequest request_of(const Arguments& arguments) {
    const Arguments instance = arguments.structure("InstanceSpecification");
    const std::string copied = arguments.text("CopyTagsFromSource").value_or("");
    return {.instance = InstanceId(instance.required_text("InstanceId")),
            .exclude_boot_volume = instance.boolean("ExcludeBootVolume").value_or(false),
            .excluded_volumes = ids_of<VolumeId>(instance, "ExcludeDataVolumeId"),
            .description = arguments.text("Description").value_or(""),
            .copy_tags_from_volume = !copied.empty(),
            .tags = tags_for(arguments, "snapshot", {"snapshot"})};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result;
    for (auto& snapshot : services.launcher.create_snapshots(caller, request_of(arguments)))
        result.push_back({.snapshot = std::move(snapshot)});
    services.database.read([&](Session& session) {
        auto tags = images::tags_by_resource(session, caller.scope());
        for (SnapshotView& view : result)
            view.tags = tags[view.snapshot.id.str()];
    });
    return result;
}

Parameter instance_parameter() {
    return {
        .name = "InstanceSpecification",
        .wire = "InstanceSpecification",
        .shape = Shape::structure,
        .required = true,
        .help = "The instance, and which of its volumes to leave out",
        .members = {
            {.name = "InstanceId", .wire = "InstanceId", .required = true, .help = "The instance"},
            {.name = "ExcludeBootVolume",
             .wire = "ExcludeBootVolume",
             .shape = Shape::boolean,
             .help = "Leave the boot volume out"},
            {.name = "ExcludeDataVolumeIds",
             .wire = "ExcludeDataVolumeId",
             .list = true,
             .help = "Leave these volumes out"}}};
}

}  // namespace

Action create_snapshots() {
    return with_handler<Result>(
        {.name = "CreateSnapshots",
         .summary = "Keep all volumes of an instance as they are at one moment",
         .example = "kiln create-snapshots --instance-specification "
                    "InstanceId=i-0123456789abcdef0 --wait",
         .parameters = {instance_parameter(),
                        {.name = "Description", .wire = "Description", .help = "What they are"},
                        {.name = "CopyTagsFromSource",
                         .wire = "CopyTagsFromSource",
                         .help = "Give each snapshot its volume's tags",
                         .choices = {"volume"}},
                        tag_specifications_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Snapshots",
                   .columns = {"SnapshotId", "VolumeId", "VolumeSize", "State"}},
         .waiter = Waiter{.action = "DescribeSnapshots",
                          .parameter = "SnapshotId",
                          .ids = "Snapshots.SnapshotId",
                          .state = "Snapshots.State",
                          .wanted = "completed",
                          .failed = {"error"},
                          .reason = "Snapshots.StateMessage"}},
        output(), handle);
}

}  // namespace kiln::api
