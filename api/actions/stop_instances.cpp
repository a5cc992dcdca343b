#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

StateChangesView handle(Services& services, const images::Caller& caller,
                        const Arguments& arguments) {
    return {
        services.launcher.stop_instances(caller, ids_of<InstanceId>(arguments, "InstanceId"),
                                         arguments.boolean("Force").value_or(false) ||
                                             arguments.boolean("SkipOsShutdown").value_or(false))};
}

}  // namespace

Action stop_instances() {
    return with_handler<StateChangesView>(
        {.name = "StopInstances",
         .summary = "Stop instances; their volumes stay",
         .example = "kiln stop-instances --instance-ids i-0123456789abcdef0 --wait",
         .parameters = {ids_parameter("InstanceId", "The instances", true),
                        {.name = "Force",
                         .wire = "Force",
                         .shape = Shape::boolean,
                         .help = "Cut the power at once instead of asking the guest"},
                        {.name = "SkipOsShutdown",
                         .wire = "SkipOsShutdown",
                         .shape = Shape::boolean,
                         .help = "The same, in newer words"},
                        dry_run_parameter()},
         .table = {.rows = "StoppingInstances",
                   .columns = {"InstanceId", "PreviousState.Name", "CurrentState.Name"}},
         .waiter = Waiter{.action = "DescribeInstances",
                          .parameter = "InstanceId",
                          .request_ids = "InstanceId",
                          .state = "Reservations.Instances.State.Name",
                          .wanted = "stopped",
                          .failed = {"terminated"},
                          .reason = "Reservations.Instances.StateReason.Message"}},
        state_changes_structure("StoppingInstances"), handle);
}

}  // namespace kiln::api
