#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "images/catalog/instance.hpp"

namespace kiln {
class Database;
class KeyedExecutor;
}  // namespace kiln

namespace kiln::hypervisor {
class Hypervisor;
}

namespace kiln::launcher {

class ApplianceGuests;
class Regions;
class StatusBoard;

/// How long a guest may take to reboot before it is reset, as EC2 has it.
inline constexpr std::chrono::minutes reboot_time_limit{4};

/// Finds out whether guests are up, and lets them reboot. Events tell most of it; of a guest in an
/// appliance they do not, so that it is asked. Any thread.
class GuestWatch {
  public:
    struct Dependencies {
        Database& database;
        const Regions& regions;
        ApplianceGuests& appliances;
        StatusBoard& status;
        KeyedExecutor& executor;
        std::chrono::milliseconds time_to_reboot = reboot_time_limit;
        /// How long an appliance may be silent about a reboot that is overdue.
        std::chrono::milliseconds time_to_tell = std::chrono::minutes{1};
    };
    explicit GuestWatch(const Dependencies& dependencies) : use_(dependencies) {}

    /// Whether a running instance has a guest: a domain, and of a paravirtual one an appliance that
    /// runs it; nullopt: the appliance does not answer. Throws Error{Unavailable} when libvirt is
    /// away.
    std::optional<bool> has_guest(const images::Instance& instance) const;

    /// Adds a job that asks the guest agent and remembers when it answers; the second one not while
    /// such a job runs or waits.
    void add_agent_check(const InstanceId& id);
    void add_agent_check_unless_busy(const InstanceId& id);
    /// From now on look_at_guests() asks it, until it answers or some minutes are over.
    void look_often_at(const InstanceId& id);
    void look_at_guests();

    /// A job in the lane of the instance's id: the guest is asked to reboot, and reset when it has
    /// not in time.
    void reboot(const InstanceId& id);
    /// The guest has rebooted, or goes down, or starts anew: it is not to be reset.
    void forget_reboot(const InstanceId& id);
    /// Resets the guests whose time to reboot is up.
    void reset_overdue_reboots();

  private:
    struct Reboot {
        std::chrono::steady_clock::time_point deadline;
        /// Of a paravirtual guest ApplianceGuests::boot_of when it was told to reboot.
        std::optional<std::string> boot_before;
    };
    void check_agent(const InstanceId& id);
    bool guest_answers(const images::Instance& instance);
    std::optional<std::string> boot_of(const images::Instance& instance) const;
    void order_reboot(const images::Instance& instance);
    bool has_rebooted(const images::Instance& instance);
    std::optional<Reboot> reboot_of(const InstanceId& id);
    void reset_unless_rebooted(const InstanceId& id);
    hypervisor::Hypervisor& hypervisor_of(const images::Instance& instance) const;

    Dependencies use_;
    std::mutex mutex_;
    std::map<InstanceId, Reboot> reboots_;
    std::map<InstanceId, std::chrono::steady_clock::time_point> looked_at_until_;
};

}  // namespace kiln::launcher
