#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "images/layers/merging.hpp"
#include "launcher/instances/lifecycle.hpp"
#include "launcher/volumes/garbage_collection.hpp"

namespace kiln::launcher {

/// Collects a region's layers: removes those that nothing needs, and merges those that only one
/// layer needs into it, where nothing in use reads through that one. A layer that is kept although
/// it could be merged otherwise is listed with who is in the way; a plan lists all others, too,
/// with who needs them. Any thread.
///
/// A merge survives a crash at every step: what it prepares lies beside the layer's file and is
/// removed at the next start, and a row that does not say yet what its file says is set right then.
class ChainMerger {
  public:
    explicit ChainMerger(const InstanceLifecycle::Dependencies& dependencies)
        : use_(dependencies) {}

    /// What collect() would do now. The layers free as much as it says at most: a layer grows by
    /// what it takes in. Throws Error{Unavailable} when the region's libvirt cannot be asked.
    GarbageCollection plan(const Region& region) const;
    /// As long as it takes. A merge that fails is listed with its cause, and the others go on.
    /// Throws Error{RequestLimitExceeded} while another one runs, and Error{Unavailable} when the
    /// service stops: what was done by then stays done.
    GarbageCollection collect(const Region& region);

  private:
    using Lanes = std::vector<std::string>;
    /// Why a merge is not done; nullopt when it is.
    using Obstacle = std::optional<std::string>;

    std::vector<images::Merge> merges_of(const Region& region) const;
    Obstacle use_of(const Region& region, const LayerId& layer) const;
    Lanes lanes_of(const Region& region, const images::Merge& merge) const;
    Obstacle try_merge(const Region& region, const images::Merge& merge);
    Obstacle merge_in_lanes(const Region& region, const images::Merge& merge, const Lanes& lanes);
    std::optional<images::LayerKey> key_of(const Region& region, const LayerId& layer) const;
    Obstacle merge_now(const Region& region, const images::Merge& merge,
                       const std::stop_token& stop);
    void merge_and_list(const Region& region, const images::Merge& merge,
                        GarbageCollection& collection);
    void stop_if_service_stops() const;

    InstanceLifecycle::Dependencies use_;
    /// One at a time: each copies whole layers, and the disk is one for all.
    std::mutex collecting_;
};

}  // namespace kiln::launcher
