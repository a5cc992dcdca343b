#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/volume.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.delete_volume(caller, VolumeId(arguments.required_text("VolumeId")));
    return {};
}

}  // namespace

Action delete_volume() {
    return with_handler<Done>(
        {.name = "DeleteVolume",
         .summary = "Delete a volume that no instance has; its snapshots stay",
         .example = "kiln delete-volume --volume-id vol-0123456789abcdef0",
         .parameters = {volume_id_parameter(), dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
