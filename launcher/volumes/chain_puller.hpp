#pragma once

#include <mutex>
#include <optional>
#include <semaphore>
#include <set>
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
    explicit ChainPuller(const InstanceLifecycle::Dependencies& dependencies)
        : use_(dependencies) {}

    /// After a capture of the volumes, which belong to one instance: adds a job that pulls their
    /// chains short where they are long and the guest runs. (A volume that is deep because its
    /// image is shares all of that with others: it is left alone until it is captured itself.) The
    /// job gives way when somebody wants the instance; what was copied by then stays, and
    /// add_unfinished() goes on with it. Any thread.
    void add(const std::vector<VolumeId>& volumes);
    /// Adds the jobs again that gave way. Any thread.
    void add_unfinished();

    /// Before a capture: makes the chain at least one shorter than max_chain_depth, however long
    /// that takes, and ends a pull that goes on behind the service's back. Throws when it cannot.
    /// The caller has the volume and its instance for itself.
    void make_room(const VolumeId& id);
    /// Ends a pull of the volume that goes on behind the service's back: libvirt does nothing else
    /// with the disk meanwhile.
    void end_pull(const images::Volume& volume);

    /// Lets the catalog say of the volume's top what its file says.
    void learn_parent(const images::Volume& volume);

  private:
    using Keys = std::vector<std::string>;
    enum class Outcome { done, gave_way };

    std::optional<images::Volume> load(const VolumeId& id) const;
    /// The volume's layers, the top first.
    std::vector<LayerId> chain_of(const images::Volume& volume) const;
    bool is_in_running_guest(const images::Volume& volume, const InstanceId& instance) const;
    void pull_if_long(const VolumeId& id, const InstanceId& instance, const Keys& gives_way_to);
    /// false: later, since enough run already or it gave way.
    bool pull_in_background(const images::Volume& volume, const std::vector<LayerId>& chain,
                            const Keys& gives_way_to);
    Outcome pull(const images::Volume& volume, const std::vector<LayerId>& chain,
                 const Keys& gives_way_to);
    void rebase(const images::Volume& volume, const LayerId& base);
    hypervisor::Hypervisor& hypervisor_of(const images::Volume& volume) const;

    InstanceLifecycle::Dependencies use_;
    std::mutex mutex_;
    std::set<VolumeId> unfinished_;
    /// Each pull holds a thread of the executor, and the disk is one for all.
    std::counting_semaphore<> background_pulls_{2};
};

}  // namespace kiln::launcher
