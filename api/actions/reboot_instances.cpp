#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.reboot_instances(caller, ids_of<InstanceId>(arguments, "InstanceId"));
    return {};
}

}  // namespace

Action reboot_instances() {
    return with_handler<Done>(
        {.name = "RebootInstances",
         .summary = "Ask running instances to reboot; reset those that do not",
         .example = "kiln reboot-instances --instance-ids i-0123456789abcdef0",
         .parameters = {ids_parameter("InstanceId", "The instances", true), dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
