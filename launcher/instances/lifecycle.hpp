#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/keyed_executor.hpp"
#include "launcher/instances/domain_plan.hpp"
#include "launcher/instances/guest_users.hpp"
#include "launcher/instances/guest_watch.hpp"
#include "launcher/instances/instance_files.hpp"
#include "launcher/instances/pause.hpp"
#include "launcher/instances/status_board.hpp"
#include "launcher/network/networks.hpp"
#include "launcher/paravirtual/appliance_guests.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

/// A guest is asked this often, at this interval, to power itself off before its power is cut; EC2
/// waits minutes too.
inline constexpr int shutdown_requests = 12;
inline constexpr std::chrono::seconds shutdown_request_interval{10};

/// The jobs that take instances from one state to the next. Each job is run again from its
/// beginning after a crash (its operation is still in the catalog), so each step looks first
/// whether it was done. Jobs of one instance run one after the other, in the executor's lane of its
/// id; do not call them from elsewhere at the same time.
class InstanceLifecycle {
  public:
    struct Dependencies {
        Database& database;
        const Clock& clock;
        const Regions& regions;
        const InstanceFiles& files;
        const DomainPlanner& planner;
        Networks& networks;
        GuestUsers& users;
        ApplianceGuests& appliances;
        StatusBoard& status;
        GuestWatch& watch;
        KeyedExecutor& executor;
        const Pause& pause;
        Bytes free_space_reserve;
        std::filesystem::path object_directory;  // on whose file system objects are stored
    };
    explicit InstanceLifecycle(const Dependencies& dependencies);

    /// pending → running; when that fails, → terminated with the cause, and nothing is left behind.
    void launch(const InstanceId& id);
    /// Ends a launch that failed before its job began.
    void fail_launch(const InstanceId& id, const std::string& cause);
    /// pending (from stopped) → running; when that fails, → stopped with the cause.
    void start(const InstanceId& id);
    /// stopping → stopped. With `force` the guest is not asked first.
    void stop(const InstanceId& id, bool force);
    /// shutting-down → terminated.
    void terminate(const InstanceId& id);

    /// Called when a domain was found gone: an instance that should run becomes stopped, or
    /// terminated when its InstanceInitiatedShutdownBehavior says so and `detail` is
    /// hypervisor::guest_shutdown.
    void settle_absent_domain(const InstanceId& id, const std::string& detail);

    /// Boots the domain of an instance that has none, from its volumes as they are.
    void boot(const InstanceWithVolumes& instance);
    /// Afterwards there is no domain, and nothing of the appliance that boot() made for it.
    void end_failed_boot(const images::Instance& instance);
    /// Asks the guest to power off, waits, cuts the power. Afterwards there is no domain.
    void power_off(const images::Instance& instance, bool ask_first);

  private:
    bool has_to_boot(const images::Instance& instance) const;
    void throw_if_stopping() const;
    void create_overlays(const InstanceWithVolumes& instance);
    void create_ephemeral_disks(const InstanceWithVolumes& instance);
    void finish_launch(const InstanceId& id);
    void abandon_launch(const images::Instance& launched, const std::string& cause);
    void finish_stop(const images::Instance& stopped);
    void finish_termination(const images::Instance& ended);
    void remove_tpm_of(const images::Instance& instance) const;
    /// After the instance's interface is gone. What fails is mended by housekeeping.
    void close_port_of(const images::Instance& instance) const;
    hypervisor::Hypervisor& hypervisor_of(const images::Instance& instance) const;
    /// What it stood on is closed to its account, or removed, unless another stands on it.
    void let_layers_go_of(const images::Instance& instance) const;

    Dependencies use_;
};

}  // namespace kiln::launcher
