#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "launcher/instances/lifecycle.hpp"
#include "launcher/volumes/capture_record.hpp"
#include "launcher/volumes/chain_puller.hpp"

namespace kiln::launcher {

/// Turns the tops of volumes into snapshots, and an instance's into an image, without copying a
/// byte. A running guest goes on with its disks switched to fresh overlays in one transaction
/// (no_reboot), or is shut down, switched and booted. The job may be run again after a crash at any
/// point. It stands in the lanes of the instance and of the volumes.
class VolumeCapture {
  public:
    VolumeCapture(const InstanceLifecycle::Dependencies& dependencies, InstanceLifecycle& lifecycle,
                  ChainPuller& puller)
        : use_(dependencies), lifecycle_(lifecycle), puller_(puller) {}

    /// Adds the job of an operation. Any thread.
    void add(const OperationId& operation, Capture capture);
    /// To be told when the capture of a keeper has ended; with the cause when it failed. Set it
    /// before any capture is added.
    using KeptListener = std::function<void(const OperationId& keeper, const std::string& failure)>;
    void set_kept_listener(KeptListener listener) { kept_ = std::move(listener); }
    /// Whether a job has one of its volumes now. Any thread.
    bool is_busy(const Capture& capture) const;

  private:
    struct Switch;  // one volume with its old and its new top

    std::optional<InstanceId> holder_of(const Capture& capture) const;
    void run(const OperationId& operation, Capture capture);
    bool is_open(const Capture& capture) const;
    std::optional<std::string> try_switch(const OperationId& operation, Capture& capture,
                                          std::vector<Switch>& switches);
    std::optional<bool> was_switched(const Capture& capture,
                                     const std::vector<Switch>& switches) const;
    void make_room(const Capture& capture);
    void retry(const char* what, const std::function<void()>& step);
    std::vector<Switch> plan(const OperationId& operation, Capture& capture);
    Switch plan_part(const Capture& capture, const CapturePart& part) const;
    bool is_running(const Capture& capture) const;
    static void keep(Session& session, const Capture& capture, const Switch& one);
    std::string region_of(const Capture& capture) const;
    void power_off(const InstanceId& id);
    void switch_disks(const Capture& capture, const std::vector<Switch>& switches);
    static void create_overlays(const Region& region, const std::vector<Switch>& switches);
    bool already_switched(const Capture& capture, const std::vector<Switch>& switches) const;
    std::string uefi_data_of(const Capture& capture) const;
    void publish(const OperationId& operation, const Capture& capture,
                 const std::vector<Switch>& switches);
    void fail(const OperationId& operation, const Capture& capture, const std::string& cause);
    void boot_again(const OperationId& operation, const Capture& capture,
                    std::chrono::steady_clock::time_point patience);
    bool has_to_boot(const Capture& capture, std::chrono::steady_clock::time_point patience) const;

    InstanceLifecycle::Dependencies use_;
    InstanceLifecycle& lifecycle_;
    ChainPuller& puller_;
    KeptListener kept_;
};

}  // namespace kiln::launcher
