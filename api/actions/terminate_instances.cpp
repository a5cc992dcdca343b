#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

StateChangesView handle(Services& services, const images::Caller& caller,
                        const Arguments& arguments) {
    return {
        services.launcher.terminate_instances(caller, ids_of<InstanceId>(arguments, "InstanceId"))};
}

}  // namespace

Action terminate_instances() {
    return with_handler<StateChangesView>(
        {.name = "TerminateInstances",
         .summary = "End instances for good",
         .example = "kiln terminate-instances --instance-ids i-0123456789abcdef0 --wait",
         .parameters = {ids_parameter("InstanceId", "The instances", true), dry_run_parameter()},
         .table = {.rows = "TerminatingInstances",
                   .columns = {"InstanceId", "PreviousState.Name", "CurrentState.Name"}},
         .waiter = Waiter{.action = "DescribeInstances",
                          .parameter = "InstanceId",
                          .request_ids = "InstanceId",
                          .state = "Reservations.Instances.State.Name",
                          .wanted = "terminated",
                          .failed = {},
                          .reason = "Reservations.Instances.StateReason.Message"}},
        state_changes_structure("TerminatingInstances"), handle);
}

}  // namespace kiln::api
