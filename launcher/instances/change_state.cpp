#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/accounts/account.hpp"
#include "images/catalog/volume.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/instance_quotas.hpp"
#include "launcher/instances/machine_checks.hpp"

namespace kiln::launcher {

namespace {

using images::Instance;
using images::InstanceState;

[[noreturn]] void refuse_state(const Instance& instance, const char* verb) {
    throw Error(
        error_code::incorrect_instance_state, instance.id.str(),
        fmt::format("The instance '{}' is not in a state from which it can be {}: it is {}.",
                    instance.id.str(), verb, images::to_text(instance.state)));
}

void check_root_volume(Session& session, const Instance& instance) {
    const auto volumes = images::volumes_of_instance(session, instance.id);
    const bool has_root = std::ranges::any_of(volumes, [&](const images::Volume& volume) {
        return volume.attachment->device_name == instance.root_device_name &&
               volume.attachment->state != images::AttachmentState::detaching;
    });
    if (has_root) return;
    throw Error(error_code::invalid_parameter_value, instance.id.str(),
                fmt::format("Invalid value '{}' for instanceId. Instance does not have a volume "
                            "attached at root ({}).",
                            instance.id.str(), instance.root_device_name));
}

void check_can_stop(const Instance& instance, const char* verb) {
    if (instance.root_device_type == images::DeviceType::ebs) return;
    throw Error(error_code::unsupported_operation, instance.id.str(),
                fmt::format("The instance '{}' does not have an 'ebs' root device type and cannot "
                            "be {}.",
                            instance.id.str(), verb));
}

void check_not_empty(const std::vector<InstanceId>& ids) {
    if (!ids.empty()) return;
    throw Error(error_code::missing_parameter, "InstanceId",
                "The request must contain the parameter InstanceId");
}

}  // namespace

std::vector<InstanceStateChange> Launcher::start_instances(const images::Caller& caller,
                                                           const std::vector<InstanceId>& ids) {
    Implementation& use = *implementation_;
    check_not_empty(ids);
    const auto admission = use.lock_admission();
    use.check_pool_space(caller.region);
    const auto host_memory = use.host_memory(caller);
    const auto change = [&](Session& session, Instance& instance) {
        check_can_stop(instance, "started");
        switch (instance.state) {
            case InstanceState::pending:
            case InstanceState::running:
                return;
            case InstanceState::stopped:
                break;
            case InstanceState::stopping:
            case InstanceState::shutting_down:
            case InstanceState::terminated:
                refuse_state(instance, "started");
        }
        check_root_volume(session, instance);
        const InstanceType& type = use.types().get(instance.instance_type);
        check_host_runs(instance.architecture, type, use.use().accelerators, use.use().settings);
        use.fitting_count(session, host_memory,
                          {.type = type, .virtualization_type = instance.virtualization_type}, 1,
                          1);
        check_start_quota(session, use.types(), caller.account, instance.instance_type);
        instance.state = InstanceState::pending;
        instance.state_reason = {};
        instance.state_transition_reason = "";
        instance.launched = use.now();
    };
    return use.transition(caller, ids,
                          {.operation = operation_kind::start,
                           .change = change,
                           .job = [&use](const InstanceId& id) { use.add_start(id); }});
}

std::vector<InstanceStateChange> Launcher::stop_instances(const images::Caller& caller,
                                                          const std::vector<InstanceId>& ids,
                                                          bool force) {
    Implementation& use = *implementation_;
    check_not_empty(ids);
    const auto change = [&](Session&, Instance& instance) {
        check_can_stop(instance, "stopped");
        switch (instance.state) {
            case InstanceState::stopping:
            case InstanceState::stopped:
                return;
            case InstanceState::running:
                break;
            case InstanceState::pending:
            case InstanceState::shutting_down:
            case InstanceState::terminated:
                refuse_state(instance, "stopped");
        }
        instance.state = InstanceState::stopping;
        instance.state_reason = {
            .code = "Client.UserInitiatedShutdown",
            .message = "Client.UserInitiatedShutdown: User initiated shutdown"};
        instance.state_transition_reason = user_initiated(use.now());
    };
    return use.transition(caller, ids,
                          {.operation = operation_kind::stop,
                           .change = change,
                           .job = [&use, force](const InstanceId& id) {
                               use.add_job(id,
                                           [&use, id, force] { use.lifecycle().stop(id, force); });
                           }});
}

void Launcher::stop_instances_of_closed_accounts() {
    const auto instances = implementation_->database().read([](Session& session) {
        std::set<AccountId> closed;
        for (const images::Account& account : images::list_accounts(session)) {
            if (account.state == images::AccountState::suspended) closed.insert(account.id);
        }
        auto all = images::unfinished_instances(session);
        std::erase_if(all, [&](const Instance& i) { return !closed.contains(i.owner); });
        return all;
    });
    for (const Instance& instance : instances) {
        if (instance.state != InstanceState::running) continue;
        try {
            stop_instances({.account = instance.owner, .region = instance.region}, {instance.id},
                           false);
        } catch (const Error& error) {
            log::warn("{} of a closed account goes on: {}", instance.id.str(), error.message());
        }
    }
}

std::vector<InstanceStateChange> Launcher::terminate_instances(const images::Caller& caller,
                                                               const std::vector<InstanceId>& ids) {
    Implementation& use = *implementation_;
    check_not_empty(ids);
    const auto change = [&](Session&, Instance& instance) {
        if (instance.state == InstanceState::shutting_down ||
            instance.state == InstanceState::terminated) {
            return;
        }
        if (instance.disable_api_termination) {
            throw Error("OperationNotPermitted", instance.id.str(),
                        fmt::format("The instance '{}' may not be terminated. Modify its "
                                    "'disableApiTermination' instance attribute and try again.",
                                    instance.id.str()));
        }
        instance.state = InstanceState::shutting_down;
        instance.state_reason = {
            .code = "Client.UserInitiatedShutdown",
            .message = "Client.UserInitiatedShutdown: User initiated shutdown"};
        instance.state_transition_reason = user_initiated(use.now());
    };
    return use.transition(caller, ids,
                          {.operation = operation_kind::terminate,
                           .change = change,
                           .job = [&use](const InstanceId& id) {
                               use.add_job(id, [&use, id] { use.lifecycle().terminate(id); });
                           }});
}

void Launcher::reboot_instances(const images::Caller& caller, const std::vector<InstanceId>& ids) {
    Implementation& use = *implementation_;
    check_not_empty(ids);
    const auto instances = use.database().read(
        [&](Session& session) { return Implementation::get_instances(session, caller, ids); });
    for (const Instance& instance : instances) {
        // EC2 ignores a terminated instance here.
        if (instance.state == InstanceState::stopped || instance.state == InstanceState::stopping ||
            instance.state == InstanceState::pending) {
            refuse_state(instance, "rebooted");
        }
    }
    caller.stop_if_dry_run();
    for (const Instance& instance : instances) {
        if (instance.state != InstanceState::running) continue;
        use.add_job(instance.id, [&use, id = instance.id] { use.watch().reboot(id); });
    }
}

}  // namespace kiln::launcher
