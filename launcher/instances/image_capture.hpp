#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "images/catalog/image.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// One volume of a capture. The volume's present top becomes the snapshot's frozen layer; the
/// volume goes on in `overlay`.
struct CapturePart {
    VolumeId volume;
    SnapshotId snapshot;
    std::string device_name;
};

/// What CreateImage of an instance has to do, kept in its operation.
struct Capture {
    ImageId image;
    InstanceId instance;
    bool no_reboot = false;
    /// The instance was running and must run again at the end.
    bool boots_again = false;
    std::vector<CapturePart> parts;
    /// Overlays that were planned, by volume: set by the job's first step.
    std::map<std::string, std::string> overlays;
};

std::string to_json(const Capture& capture);
Capture parse_capture(const std::string& json);

/// Captures an instance's volumes as an image without copying a byte. A running guest goes on
/// (no_reboot) with its disks switched to fresh overlays in one transaction, or is shut down,
/// switched and booted. The job may be run again after a crash at any point. Runs in the instance's
/// lane of the executor.
class ImageCapture {
  public:
    ImageCapture(InstanceLifecycle::Dependencies dependencies, InstanceLifecycle& lifecycle)
        : use_(std::move(dependencies)), lifecycle_(lifecycle) {}

    void run(const OperationId& operation, Capture capture);

  private:
    struct Switch;  // one volume with its old and its new top

    std::optional<std::string> try_switch(const OperationId& operation, Capture& capture,
                                          std::vector<Switch>& switches);
    void retry(const char* what, const std::function<void()>& step);
    std::vector<Switch> plan(const OperationId& operation, Capture& capture);
    void switch_disks(const Capture& capture, const std::vector<Switch>& switches);
    bool already_switched(const InstanceWithVolumes& instance,
                          const std::vector<Switch>& switches) const;
    void publish(const OperationId& operation, const Capture& capture,
                 const std::vector<Switch>& switches);
    void fail(const OperationId& operation, const Capture& capture, const std::string& cause);
    void boot_again(const OperationId& operation, const Capture& capture);

    InstanceLifecycle::Dependencies use_;
    InstanceLifecycle& lifecycle_;
};

}  // namespace kiln::launcher
