#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

images::Volume handle(Services& services, const images::Caller& caller,
                      const Arguments& arguments) {
    return services.launcher.attach_volume(
        caller, {.volume = VolumeId(arguments.required_text("VolumeId")),
                 .instance = InstanceId(arguments.required_text("InstanceId")),
                 .device_name = arguments.required_text("Device")});
}

}  // namespace

Action attach_volume() {
    return with_handler<images::Volume>(
        {.name = "AttachVolume",
         .summary = "Give a volume to an instance, running or stopped",
         .example = "kiln attach-volume --volume-id vol-0123456789abcdef0 --instance-id "
                    "i-0123456789abcdef0 --device /dev/sdf",
         .parameters = {volume_id_parameter(),
                        {.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance, in the volume's zone"},
                        {.name = "Device",
                         .wire = "Device",
                         .required = true,
                         .help = "Name of the device, /dev/sdf to /dev/sdp. A Linux guest finds "
                                 "the disk as /dev/disk/by-id/virtio-vol…"},
                        dry_run_parameter()},
         .table = {.columns = {"VolumeId", "InstanceId", "Device", "State"}},
         .waiter = Waiter{.action = "DescribeVolumes",
                          .parameter = "VolumeId",
                          .ids = "VolumeId",
                          .state = "Volumes.Attachments.State",
                          .wanted = "attached"}},
        volume_attachment_structure(), handle);
}

}  // namespace kiln::api
