#include "api/shapes/snapshot.hpp"

#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"

namespace kiln::api {

namespace {

using View = SnapshotView;

constexpr const char* no_volume = "vol-ffffffff";

Structure<View> make_structure(const char* state_wire) {
    return Structure<View>()
        .text("SnapshotId", "snapshotId", [](const View& v) { return v.snapshot.id.str(); })
        .text("VolumeId", "volumeId", volume_of)
        .text("State", state_wire,
              [](const View& v) { return std::string(to_text(v.snapshot.state)); })
        .text("StateMessage", "statusMessage",
              [](const View& v) -> std::optional<std::string> {
                  if (v.snapshot.state_message.empty()) return std::nullopt;
                  return v.snapshot.state_message;
              })
        .text("StartTime", "startTime",
              [](const View& v) { return format_time(v.snapshot.created); })
        .text("Progress", "progress", progress_of)
        .text("OwnerId", "ownerId", [](const View& v) { return v.snapshot.owner.str(); })
        .integer("VolumeSize", "volumeSize",
                 [](const View& v) { return gibibytes_of(v.snapshot.volume_size); })
        .text("Description", "description", [](const View& v) { return v.snapshot.description; })
        .boolean("Encrypted", "encrypted",
                 [](const View& v) { return v.snapshot.key_id.has_value(); })
        .text("KmsKeyId", "kmsKeyId",
              [](const View& v) {
                  return kms_key_arn(v.snapshot.key_id, v.snapshot.owner, v.snapshot.region);
              })
        .text("StorageTier", "storageTier", [](const View&) { return std::string("standard"); })
        .list(
            "Tags", "tagSet", tag_structure(), [](const View& v) -> const auto& { return v.tags; });
}

}  // namespace

const Structure<SnapshotView>& snapshot_structure() {
    static const auto structure = make_structure("status");
    return structure;
}

const Structure<SnapshotView>& snapshot_info_structure() {
    static const auto structure = make_structure("state");
    return structure;
}

std::string volume_of(const SnapshotView& view) {
    return view.snapshot.volume ? view.snapshot.volume->str() : no_volume;
}

Parameter snapshot_id_parameter() {
    return {.name = "SnapshotId", .wire = "SnapshotId", .required = true, .help = "The snapshot"};
}

std::string progress_of(const SnapshotView& view) {
    if (view.snapshot.state == images::SnapshotState::completed) return "100%";
    return std::to_string(view.copied_percent.value_or(0)) + "%";
}

}  // namespace kiln::api
