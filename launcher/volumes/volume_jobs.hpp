#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "images/catalog/volume.hpp"
#include "launcher/instances/lifecycle.hpp"
#include "launcher/volumes/chain_puller.hpp"

namespace kiln::launcher {

/// The jobs that take volumes from one state to the next. Each is run again from its beginning
/// after a crash, so it looks first whether it was done. A job has its volume for itself, and the
/// instance that the volume is attached to: it stands in the executor's lanes of both.
class VolumeJobs {
  public:
    VolumeJobs(const InstanceLifecycle::Dependencies& dependencies, ChainPuller& puller)
        : use_(dependencies), puller_(puller) {}

    /// Adds the job that an operation of the kind stands for. Any thread.
    void add(const std::string& operation_kind, const VolumeId& id);
    /// Whether add() takes operations of that kind.
    static bool knows(const std::string& operation_kind);

  private:
    using Job = void (VolumeJobs::*)(const images::Volume&);
    static Job job_of(const std::string& operation_kind);

    void add_job(const VolumeId& id, Job job);
    void forget_operations(const VolumeId& id);
    std::optional<images::Volume> load(const VolumeId& id) const;
    std::optional<LayerId> source_of(const VolumeId& id) const;
    void make_file(const images::Volume& volume) const;
    const Region& region_of(const images::Volume& volume) const;

    /// creating → available, or error with nothing left of its layer.
    void create(const images::Volume& volume);
    /// attaching → attached; when the guest cannot be given it, → available.
    void attach(const images::Volume& volume);
    /// detaching → available, as soon as the guest lets it go. Until then the operation stays.
    void detach(const images::Volume& volume);
    /// Grows the layer, under a guest or not; the modification is completed, or failed.
    void modify(const images::Volume& volume);
    /// deleting → deleted.
    void remove(const images::Volume& volume);

    void end_stale(const VolumeId& id, const char* operation_kind, images::AttachmentState own);
    void give_to_guest(const images::Volume& volume);
    void grow(const images::Volume& volume, Bytes size);
    /// Reads the volume, lets `change` change it, writes it, and ends the operation.
    void finish(const VolumeId& id, const char* operation_kind,
                const std::function<void(Session&, images::Volume&)>& change);

    InstanceLifecycle::Dependencies use_;
    ChainPuller& puller_;
    std::atomic<std::size_t> next_slot_ = 0;
};

}  // namespace kiln::launcher
