#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "launcher/instances/domain_plan.hpp"
#include "launcher/instances/instance_rows.hpp"
#include "launcher/paravirtual/saved_appliances.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::hypervisor {
struct GuestProgramResult;
}

namespace kiln::launcher {

/// Starts paravirtual guests: each in an appliance of its own, which is restored from a saved one,
/// gets the guest's disks and card plugged in, and is told what to run. Any thread; one guest is
/// started by one thread at a time.
class ApplianceGuests {
  public:
    struct Dependencies {
        Database& database;
        const Clock& clock;
        const Regions& regions;
        const DomainPlanner& planner;
        GuestUsers& users;
        SavedAppliances& saved;
    };
    explicit ApplianceGuests(const Dependencies& dependencies) : use_(dependencies) {}

    /// The executor's lane in which prepare() makes the saved appliance that start() needs;
    /// nullopt: it is there.
    std::optional<std::string> lane_to_prepare(const images::Instance& instance) const;
    /// As SavedAppliances::make(). Without it start() does so itself.
    void prepare(const images::Instance& instance) const;
    /// When this returns, Xen runs the guest. When it throws, a domain may be left, which the
    /// caller ends.
    void start(const InstanceWithVolumes& instance) const;
    /// Whether the guest's kernel runs and heeds orders. Throws when the appliance does not answer.
    bool answers(const images::Instance& instance) const;
    /// A word that is another one after each boot of the guest; empty: Xen runs none now. Throws
    /// likewise.
    std::string boot_of(const images::Instance& instance) const;
    /// Asks the guest to reboot; whether its kernel heeds orders. Throws likewise.
    bool reboot(const images::Instance& instance) const;
    /// After the domain is gone. None is no error.
    void forget(const InstanceId& id) const { use_.saved.forget(id); }

  private:
    Appliance appliance_of(const images::Instance& instance) const;
    void restore(const InstanceWithVolumes& instance, const hypervisor::DomainSpec& planned) const;
    hypervisor::DomainSpec plug_in(const InstanceWithVolumes& instance) const;
    hypervisor::GuestProgramResult tell(const images::Instance& instance, const char* order,
                                        const std::string& description = "") const;

    Dependencies use_;
};

}  // namespace kiln::launcher
