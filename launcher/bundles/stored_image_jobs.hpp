#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "images/bundles/object_store.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/store_image_task.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// What CreateStoreImageTask has to do, kept in its operation, which pins the layers.
struct Storing {
    ImageId image;
    std::string bucket;
    std::string document;
    std::vector<LayerId> layers;  // the disks, in the order of the document's
};

std::string to_json(const Storing& storing);
Storing parse_storing(const std::string& json);

/// What CreateRestoreImageTask has to do, kept in its operation.
struct Restoration {
    ImageId image;
    images::ObjectName object;
    std::string document;               // as it was when the task began
    std::vector<SnapshotId> snapshots;  // pending, one for each disk that is stored
};

std::string to_json(const Restoration& restoration);
Restoration parse_restoration(const std::string& json);

/// Ends a restoration that is not wanted any more, in the caller's transaction.
/// StoredImageJobs::cancel() is to follow.
void withdraw_restoration(Session& session, const images::Operation& operation, Time now);

/// The jobs behind CreateStoreImageTask and CreateRestoreImageTask. Each is run again from its
/// beginning after a crash; objects and images appear whole or not at all.
class StoredImageJobs {
  public:
    StoredImageJobs(const InstanceLifecycle::Dependencies& dependencies, images::ObjectStore& store)
        : use_(dependencies), store_(store) {}

    /// Whether add() takes operations of that kind.
    static bool knows(const std::string& operation_kind);
    /// Adds the job of an operation. Any thread.
    void add(const images::Operation& operation);
    /// To be called when the operation was deleted. Any thread.
    void cancel(const images::Operation& operation);
    /// 0 to 99 while the image is being stored; nullopt when it is not.
    std::optional<int> percent_stored(const ImageId& image) const;

  private:
    struct Running {
        std::stop_source stop;
        std::atomic<int> percent = 0;
    };

    void run(const images::Operation& operation);
    void store(const images::Operation& operation, Running& running);
    void write_object(const Storing& storing, const images::StoreImageTask& task, Running& running);
    void end_store(const images::Operation& operation, const std::string& failure) const;
    struct Disk {
        LayerId layer;
        Bytes size;  // as the document says, then as it is
    };
    void restore(const images::Operation& operation, const std::stop_token& stop);
    std::vector<Disk> unpack(const images::Operation& operation, const Restoration& restoration,
                             const Region& region, const std::stop_token& stop) const;
    void make_layers(const Region& region, const Restoration& restoration, std::vector<Disk>& disks,
                     const std::stop_token& stop) const;
    bool publish(const images::Operation& operation, const Restoration& restoration,
                 const Region& region, const std::vector<Disk>& disks) const;
    void fail_restoration(const images::Operation& operation, const Restoration& restoration,
                          const std::string& cause) const;
    void drop_layers(const Region& region, const std::vector<Disk>& disks) const;

    InstanceLifecycle::Dependencies use_;
    images::ObjectStore& store_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Running>> running_;  // by the operation's resource
};

}  // namespace kiln::launcher
