#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

VolumeView handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto size = arguments.integer("Size");
    const auto snapshot = arguments.text("SnapshotId");
    auto tags = tags_for(arguments, "volume", {"volume"});
    return {.volume = services.launcher.create_volume(
                caller, {.zone = arguments.required_text("AvailabilityZone"),
                         .size = size ? std::optional(size_of_request(*size)) : std::nullopt,
                         .snapshot = snapshot ? std::optional(SnapshotId(*snapshot)) : std::nullopt,
                         .volume_type = arguments.text("VolumeType").value_or("gp3"),
                         .tags = tags,
                         .client_token = arguments.text("ClientToken").value_or(""),
                         .encryption = encryption_of(arguments)}),
            .tags = tags};
}

}  // namespace

Action create_volume() {
    return with_handler<VolumeView>(
        {.name = "CreateVolume",
         .summary = "Make a volume, empty or from a snapshot",
         .example = "kiln create-volume --availability-zone local-1a --size 10",
         .parameters = {{.name = "AvailabilityZone",
                         .wire = "AvailabilityZone",
                         .required = true,
                         .help = "The zone of the instances that will use it"},
                        volume_size_parameter("Size in GiB; without it the snapshot's"),
                        {.name = "SnapshotId",
                         .wire = "SnapshotId",
                         .help = "Snapshot to start from"},
                        volume_type_parameter(),
                        iops_parameter(),
                        throughput_parameter(),
                        encrypted_parameter("Encrypt the volume; what is made of an encrypted "
                                            "snapshot is encrypted anyway"),
                        kms_key_id_parameter(),
                        tag_specifications_parameter(),
                        client_token_parameter(),
                        dry_run_parameter()},
         .table = {.columns = {"VolumeId", "Size", "State", "VolumeType", "SnapshotId",
                               "AvailabilityZone"}},
         .waiter = Waiter{.action = "DescribeVolumes",
                          .parameter = "VolumeId",
                          .ids = "VolumeId",
                          .state = "Volumes.State",
                          .wanted = "available",
                          .failed = {"error"}}},
        volume_structure(), handle);
}

}  // namespace kiln::api
