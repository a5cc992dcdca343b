#pragma once

#include <string>
#include <vector>

#include "images/catalog/volume.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// Keeps chains of layers from growing past images::max_chain_depth. Only live layers are written;
/// frozen ones are read. There is nothing to undo after a crash: until a pull ends the chain is as
/// it was, and afterwards the layer's file itself says what it stands on.
class ChainPuller {
  public:
    explicit ChainPuller(InstanceLifecycle::Dependencies dependencies)
        : use_(std::move(dependencies)) {}

    /// Adds a job that pulls the volume's chain short when it is long and its guest runs. The job
    /// gives way when others want the volume or its instance; what was copied by then stays. Any
    /// thread.
    void add(const VolumeId& id);
    /// The same for every volume whose chain is long. Any thread.
    void add_long_chains();

    /// Before a capture: makes the chain at least one shorter than max_chain_depth, however long
    /// that takes, and ends a pull that goes on behind the service's back. The caller has the
    /// volume and its instance for itself.
    void make_room(const VolumeId& id);

    /// Lets the catalog say of the volume's top what its file says.
    void learn_parent(const images::Volume& volume);

  private:
    using Keys = std::vector<std::string>;

    std::optional<images::Volume> load(const VolumeId& id) const;
    std::vector<LayerId> chain_of(const images::Volume& volume) const;
    std::optional<LayerId> base_of(const std::vector<LayerId>& chain) const;
    /// Of the guest that has the volume; absent when none has it.
    hypervisor::DomainState domain_state(const images::Volume& volume) const;
    void pull(const images::Volume& volume, const LayerId& base, const Keys& gives_way_to);

    InstanceLifecycle::Dependencies use_;
};

}  // namespace kiln::launcher
