#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

images::Volume handle(Services& services, const images::Caller& caller,
                      const Arguments& arguments) {
    const auto instance = arguments.text("InstanceId");
    return services.launcher.detach_volume(
        caller, {.volume = VolumeId(arguments.required_text("VolumeId")),
                 .instance = instance ? std::optional(InstanceId(*instance)) : std::nullopt,
                 .device_name = arguments.text("Device"),
                 .force = arguments.boolean("Force").value_or(false)});
}

}  // namespace

Action detach_volume() {
    return with_handler<images::Volume>(
        {.name = "DetachVolume",
         .summary = "Take a volume from its instance, which goes on running",
         .example = "kiln detach-volume --volume-id vol-0123456789abcdef0 --wait",
         .parameters = {volume_id_parameter(),
                        {.name = "InstanceId",
                         .wire = "InstanceId",
                         .help = "Refuse unless it is this one that has the volume"},
                        {.name = "Device",
                         .wire = "Device",
                         .help = "Refuse unless the volume is attached as this device"},
                        {.name = "Force",
                         .wire = "Force",
                         .shape = Shape::boolean,
                         .help = "Ask a guest again that has not let go of the volume yet"},
                        dry_run_parameter()},
         .table = {.columns = {"VolumeId", "InstanceId", "Device", "State"}},
         .waiter = Waiter{.action = "DescribeVolumes",
                          .parameter = "VolumeId",
                          .ids = "VolumeId",
                          .state = "Volumes.State",
                          .wanted = "available"}},
        volume_attachment_structure(), handle);
}

}  // namespace kiln::api
