#include "api/shapes/volume.hpp"

#include <fmt/format.h>

#include "api/shapes/common.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/volumes/requests.hpp"

namespace kiln::api {

namespace {

using images::Volume;
using images::VolumeModification;

std::vector<Volume> attachments_of(const VolumeView& view) {
    if (!view.volume.attachment) return {};
    return {view.volume};
}

Structure<VolumeView> make_volume_structure() {
    using View = VolumeView;
    return Structure<View>()
        .text("VolumeId", "volumeId", [](const View& v) { return v.volume.id.str(); })
        .integer("Size", "size", [](const View& v) { return gibibytes_of(v.volume.size); })
        .text("SnapshotId", "snapshotId",
              [](const View& v) { return v.volume.snapshot ? v.volume.snapshot->str() : ""; })
        .text("AvailabilityZone", "availabilityZone", [](const View& v) { return v.volume.zone; })
        .text("State", "status", [](const View& v) { return std::string(to_text(v.volume.state)); })
        .text("CreateTime", "createTime",
              [](const View& v) { return format_time(v.volume.created); })
        .list("Attachments", "attachmentSet", volume_attachment_structure(), attachments_of)
        .list(
            "Tags", "tagSet", tag_structure(), [](const View& v) -> const auto& { return v.tags; })
        .text("VolumeType", "volumeType", [](const View& v) { return v.volume.volume_type; })
        .boolean("Encrypted", "encrypted",
                 [](const View& v) { return v.volume.key_id.has_value(); })
        .text("KmsKeyId", "kmsKeyId",
              [](const View& v) {
                  return kms_key_arn(v.volume.key_id, v.volume.owner, v.volume.region);
              })
        .boolean("MultiAttachEnabled", "multiAttachEnabled", [](const View&) { return false; })
        // kiln's own: EC2 has no such field, and its clients pass over it.
        .integer("ChainDepth", "chainDepth", [](const View& v) { return v.chain_depth; });
}

Structure<VolumeModification> make_modification_structure() {
    using M = VolumeModification;
    return Structure<M>()
        .text("VolumeId", "volumeId", [](const M& m) { return m.volume.str(); })
        .text("ModificationState", "modificationState",
              [](const M& m) { return std::string(to_text(m.state)); })
        .text("StatusMessage", "statusMessage",
              [](const M& m) -> std::optional<std::string> {
                  if (m.status_message.empty()) return std::nullopt;
                  return m.status_message;
              })
        .integer("TargetSize", "targetSize", [](const M& m) { return gibibytes_of(m.target_size); })
        .text("TargetVolumeType", "targetVolumeType", [](const M& m) { return m.target_type; })
        .integer("OriginalSize", "originalSize",
                 [](const M& m) { return gibibytes_of(m.original_size); })
        .text("OriginalVolumeType", "originalVolumeType",
              [](const M& m) { return m.original_type; })
        .integer("Progress", "progress",
                 [](const M& m) -> std::int64_t {
                     return m.state == images::ModificationState::completed ? 100 : 0;
                 })
        .text("StartTime", "startTime", [](const M& m) { return format_time(m.started); })
        .text("EndTime", "endTime", [](const M& m) -> std::optional<std::string> {
            if (!m.ended) return std::nullopt;
            return format_time(*m.ended);
        });
}

}  // namespace

const Structure<VolumeView>& volume_structure() {
    static const Structure<VolumeView> structure = make_volume_structure();
    return structure;
}

const Structure<Volume>& volume_attachment_structure() {
    static const auto structure =
        Structure<Volume>()
            .text("VolumeId", "volumeId", [](const Volume& v) { return v.id.str(); })
            .text("InstanceId", "instanceId",
                  [](const Volume& v) { return v.attachment->instance.str(); })
            .text("Device", "device", [](const Volume& v) { return v.attachment->device_name; })
            .text("State", "status",
                  [](const Volume& v) { return std::string(to_text(v.attachment->state)); })
            .text("AttachTime", "attachTime",
                  [](const Volume& v) { return format_time(v.attachment->attached); })
            .boolean("DeleteOnTermination", "deleteOnTermination",
                     [](const Volume& v) { return v.attachment->delete_on_termination; });
    return structure;
}

const Structure<VolumeModification>& volume_modification_structure() {
    static const Structure<VolumeModification> structure = make_modification_structure();
    return structure;
}

std::int64_t gibibytes_of(Bytes size) {
    return static_cast<std::int64_t>(size.in_gibibytes());
}

Bytes size_of_request(std::int64_t gibibytes, const char* code) {
    const std::int64_t most = gibibytes_of(launcher::max_volume_size);
    if (gibibytes >= 1 && gibibytes <= most) {
        return Bytes::gibibytes(static_cast<std::uint64_t>(gibibytes));
    }
    throw Error(code, "VolumeSize",
                fmt::format("a volume has 1 to {} GiB, not {}", most, gibibytes));
}

Parameter volume_size_parameter(std::string help) {
    return {.name = "Size", .wire = "Size", .shape = Shape::integer, .help = std::move(help)};
}

Parameter volume_type_parameter() {
    return {.name = "VolumeType",
            .wire = "VolumeType",
            .help = "Kept and shown; all are equally quick here",
            .choices = {launcher::volume_types.begin(), launcher::volume_types.end()}};
}

Parameter iops_parameter() {
    return {.name = "Iops",
            .wire = "Iops",
            .shape = Shape::integer,
            .help = "I/O per second; taken, and not held to: a disk is as quick as the host's"};
}

Parameter throughput_parameter() {
    return {.name = "Throughput",
            .wire = "Throughput",
            .shape = Shape::integer,
            .help = "MiB per second; as --iops"};
}

Parameter volume_id_parameter() {
    return {.name = "VolumeId", .wire = "VolumeId", .required = true, .help = "The volume"};
}

}  // namespace kiln::api
