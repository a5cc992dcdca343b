#include "launcher/instances/guest_watch.hpp"

#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/keyed_executor.hpp"
#include "base/log.hpp"
#include "hypervisor/hypervisor.hpp"
#include "launcher/instances/instance_rows.hpp"
#include "launcher/instances/status_board.hpp"
#include "launcher/paravirtual/appliance_guests.hpp"
#include "launcher/paravirtual/pv_plan.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::Instance;
using images::InstanceState;

constexpr std::chrono::seconds agent_time_limit{5};
/// How long a guest that nobody tells of is looked at more often than others.
constexpr std::chrono::minutes time_to_look{2};
constexpr const char* lane_of_looks = "looks at paravirtual guests";

/// Its jobs: an instance's other jobs must not wait for its agent.
std::string agent_lane(const InstanceId& id) {
    return "agent of " + id.str();
}

}  // namespace

hypervisor::Hypervisor& GuestWatch::hypervisor_of(const Instance& instance) const {
    return use_.regions.get(instance.region).hypervisor;
}

std::optional<bool> GuestWatch::has_guest(const Instance& instance) const {
    if (hypervisor_of(instance).domain_state(instance.id.str()) == DomainState::absent)
        return false;
    if (!is_paravirtual(instance)) return true;
    const auto boot = boot_of(instance);
    if (!boot) return std::nullopt;
    return !boot->empty();
}

void GuestWatch::check_agent(const InstanceId& id) {
    const auto instance = load_instance(use_.database, id);
    if (!instance) return;
    if (guest_answers(instance->instance)) use_.status.agent_answered(id);
}

/// The agent of a paravirtual guest is its appliance's, which is up long before the guest, and
/// stays when that reboots.
bool GuestWatch::guest_answers(const Instance& instance) {
    hypervisor::Hypervisor& hypervisor = hypervisor_of(instance);
    if (!is_paravirtual(instance))
        return hypervisor.agent_answers(instance.id.str(), agent_time_limit);
    try {
        return hypervisor.domain_state(instance.id.str()) != DomainState::absent &&
               has_rebooted(instance) && use_.appliances.answers(instance);
    } catch (const Error&) {
        return false;  // it is asked again
    }
}

void GuestWatch::add_agent_check(const InstanceId& id) {
    use_.executor.add(agent_lane(id), [this, id] { check_agent(id); });
}

void GuestWatch::add_agent_check_unless_busy(const InstanceId& id) {
    if (!use_.executor.is_busy(agent_lane(id))) add_agent_check(id);
}

void GuestWatch::look_often_at(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    looked_at_until_.insert_or_assign(id, std::chrono::steady_clock::now() + time_to_look);
}

/// One job asks them all: they are many when a host starts, and each answer takes a while.
void GuestWatch::look_at_guests() {
    if (use_.executor.is_busy(lane_of_looks)) return;
    const auto now = std::chrono::steady_clock::now();
    std::vector<InstanceId> ids;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(looked_at_until_, [&](const auto& entry) {
            return entry.second < now || use_.status.reachability(entry.first) == Reachability::ok;
        });
        for (const auto& [id, until] : looked_at_until_)
            ids.push_back(id);
    }
    if (ids.empty()) return;
    use_.executor.add(lane_of_looks, [this, ids = std::move(ids)] {
        for (const InstanceId& id : ids)
            check_agent(id);
    });
}

void GuestWatch::reboot(const InstanceId& id) {
    const auto instance = load_instance(use_.database, id);
    if (!instance || instance->instance.state != InstanceState::running) return;
    {
        const std::lock_guard lock(mutex_);
        reboots_.insert_or_assign(
            id, Reboot{.deadline = std::chrono::steady_clock::now() + use_.time_to_reboot,
                       .boot_before = std::nullopt});
    }
    use_.status.reboots(id);
    if (!is_paravirtual(instance->instance))
        return hypervisor_of(instance->instance).request_reboot(id.str());
    look_often_at(id);
    try {
        order_reboot(instance->instance);
    } catch (const Error& error) {
        log::warn("{} is asked again to reboot: {}", id.str(), error.message());
    }
}

/// Of a paravirtual guest, whose machine has no button that it would hear. Before its kernel heeds
/// orders nothing happens, and it is to be asked again.
void GuestWatch::order_reboot(const Instance& instance) {
    std::string boot = use_.appliances.boot_of(instance);
    if (boot.empty() || !use_.appliances.reboot(instance)) return;
    const std::lock_guard lock(mutex_);
    const auto reboot = reboots_.find(instance.id);
    if (reboot != reboots_.end()) reboot->second.boot_before = std::move(boot);
}

/// Of a paravirtual guest; nullopt: its appliance does not answer.
std::optional<std::string> GuestWatch::boot_of(const Instance& instance) const {
    try {
        return use_.appliances.boot_of(instance);
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// Whether a paravirtual guest runs that was not asked to reboot, or has done so, of which no event
/// tells. One that could not be told yet is told now. Throws when its appliance does not answer.
bool GuestWatch::has_rebooted(const Instance& instance) {
    const auto reboot = reboot_of(instance.id);
    if (!reboot) return true;
    if (!reboot->boot_before) {
        order_reboot(instance);
        return false;
    }
    const std::string boot = use_.appliances.boot_of(instance);
    if (boot.empty() || boot == reboot->boot_before) return false;
    forget_reboot(instance.id);
    return true;
}

std::optional<GuestWatch::Reboot> GuestWatch::reboot_of(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = reboots_.find(id);
    return found == reboots_.end() ? std::nullopt : std::optional(found->second);
}

void GuestWatch::forget_reboot(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    reboots_.erase(id);
}

void GuestWatch::reset_overdue_reboots() {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    for (const auto& [id, reboot] : reboots_) {
        if (reboot.deadline > now || use_.executor.is_busy(id.str())) continue;
        use_.executor.add(id.str(), [this, id = id] { reset_unless_rebooted(id); });
    }
}

void GuestWatch::reset_unless_rebooted(const InstanceId& id) {
    const auto reboot = reboot_of(id);
    if (!reboot) return;
    const auto instance = load_instance(use_.database, id);
    if (!instance || instance->instance.state != InstanceState::running) return forget_reboot(id);
    try {
        if (reboot->boot_before && has_rebooted(instance->instance)) return;
    } catch (const Error& error) {
        // A guest that is up must not lose its power because its appliance is slow to say so.
        const auto overdue = std::chrono::steady_clock::now() - reboot->deadline;
        if (overdue < use_.time_to_tell) return;
        log::warn("nobody can tell whether {} has rebooted: {}", id.str(), error.message());
    }
    log::warn("{} did not reboot in time, so it is reset", id.str());
    hypervisor_of(instance->instance).reset(id.str());
    forget_reboot(id);
}

}  // namespace kiln::launcher
