#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/region.hpp"
#include "base/error.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    SnapshotId snapshot;
    std::vector<images::Tag> tags;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("SnapshotId", "snapshotId", [](const Result& r) { return r.snapshot.str(); })
        .list(
            "Tags", "tagSet", tag_structure(),
            [](const Result& r) -> const auto& { return r.tags; });
}

/// Clients say it for Amazon's signature of the request to the other region.
void check_destination(const images::Caller& caller, const Arguments& arguments) {
    const std::string named = arguments.text("DestinationRegion").value_or(caller.region);
    if (named == caller.region) return;
    throw Error(error_code::invalid_parameter_value, named,
                "The request reached the region " + caller.region + ", not '" + named +
                    "': a snapshot is copied into the region that is called");
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_destination(caller, arguments);
    auto tags = tags_for(arguments, "snapshot", {"snapshot"});
    return {.snapshot = services.launcher.copy_snapshot(
                caller, {.source_region = arguments.required_text("SourceRegion"),
                         .source = SnapshotId(arguments.required_text("SourceSnapshotId")),
                         .description = arguments.text("Description").value_or(""),
                         .tags = tags,
                         .encryption = encryption_of(arguments)}),
            .tags = tags};
}

}  // namespace

Action copy_snapshot() {
    return with_handler<Result>(
        {.name = "CopySnapshot",
         .summary = "Copy a snapshot into this region; only what it lacks is sent",
         .example = "kiln copy-snapshot --region local-2 --source-region local-1 "
                    "--source-snapshot-id snap-0123456789abcdef0 --wait",
         .parameters = {source_region_parameter(),
                        {.name = "SourceSnapshotId",
                         .wire = "SourceSnapshotId",
                         .required = true,
                         .help = "The snapshot, yours or shared with you"},
                        {.name = "DestinationRegion",
                         .wire = "DestinationRegion",
                         .help = "The region that is called: no other one can be named"},
                        {.name = "PresignedUrl",
                         .wire = "PresignedUrl",
                         .help = "Clients of EC2 send one by themselves; it is not needed"},
                        {.name = "Description", .wire = "Description", .help = "What it is"},
                        encrypted_parameter("Encrypt the copy; that of an encrypted snapshot is "
                                            "encrypted anyway"),
                        kms_key_id_parameter(),
                        tag_specifications_parameter(),
                        dry_run_parameter()},
         .table = {.columns = {"SnapshotId"}},
         .waiter = Waiter{.action = "DescribeSnapshots",
                          .parameter = "SnapshotId",
                          .ids = "SnapshotId",
                          .state = "Snapshots.State",
                          .wanted = "completed",
                          .failed = {"error"},
                          .reason = "Snapshots.StateMessage"}},
        output(), handle);
}

}  // namespace kiln::api
