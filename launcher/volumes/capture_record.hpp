#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/volume.hpp"

namespace kiln::launcher {

/// One volume of a capture. The volume's present top becomes the snapshot's frozen layer, or that
/// of the capture's keeper; the volume goes on in an overlay.
struct CapturePart {
    VolumeId volume;
    std::optional<SnapshotId> snapshot;
};

/// What CreateImage, CreateSnapshot and CreateSnapshots have to do, and BundleInstance at first,
/// kept in their operation.
struct Capture {
    std::optional<ImageId> image;        // of CreateImage
    std::optional<InstanceId> instance;  // that has the volumes; absent: they are detached
    /// The operation that pins the frozen layers of the parts without a snapshot.
    std::optional<OperationId> keeper;
    bool no_reboot = true;
    /// The instance was running and must run again at the end.
    bool boots_again = false;
    std::vector<CapturePart> parts;
    /// Overlays that were planned, by volume: set by the job's first step.
    std::map<std::string, std::string> overlays;
};

/// For the operation's payload, and back.
std::string to_json(const Capture& capture);
Capture parse_capture(const std::string& json);

/// Inserts a pending snapshot of the volume. Throws Error{IncorrectState} for a volume that is
/// being made or deleted.
CapturePart insert_pending_snapshot(Session& session, const images::Volume& volume,
                                    const std::string& description, Time now);

}  // namespace kiln::launcher
