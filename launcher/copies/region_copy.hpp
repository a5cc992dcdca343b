#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "launcher/copies/copy_rows.hpp"
#include "launcher/encryption/encrypted_copy.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// Copies snapshots, and an image of them, from one region into another. A layer has the same id in
/// every region, so only those are sent that the target lacks, the base first. The job may be run
/// again after a crash at any point: a layer that has arrived stays, since the operation pins it.
/// Once the operation is deleted the job ends, and removes what has arrived for it alone.
class RegionCopy {
  public:
    explicit RegionCopy(const InstanceLifecycle::Dependencies& dependencies) : use_(dependencies) {}

    /// Adds the job of an operation. Any thread.
    void add(const OperationId& operation, const Copy& copy);
    /// Whether a job of the copy runs or waits. Any thread.
    bool is_busy(const Copy& copy) const;
    /// To be called when a copy's operation was deleted: its job ends. Any thread.
    void cancel(const OperationId& operation, const Copy& copy);
    /// How much of a pending snapshot has arrived, 0 to 99; nullopt when it is not being copied.
    std::optional<int> percent_done(const SnapshotId& snapshot) const;

  private:
    struct Progress {
        std::stop_source stop;
        std::atomic<std::uint64_t> done = 0;
        std::atomic<std::uint64_t> total = 0;
    };
    class Running;  // a copy's entries in progress_ and running_, as long as its job runs

    std::vector<std::string> lanes_of(const Copy& copy);
    void send_and_publish(const OperationId& operation, const Copy& copy, Progress& progress);
    bool is_open(const OperationId& operation) const;
    void run(const OperationId& operation, const Copy& copy);
    void send(const OperationId& operation, const Copy& copy, Progress& progress);
    std::vector<images::Layer> missing_layers(const OperationId& operation, const Copy& copy) const;
    void drop_what_arrived(const Copy& copy) const;
    void send_layer(const Copy& copy, const images::Layer& layer, Progress& progress) const;
    std::vector<EncryptedCopy> encrypted_copies(const Copy& copy) const;
    void arrived(const Copy& copy, const LayerId& layer) const;
    void encrypt(const Copy& copy, const EncryptedCopy& part, Progress& progress) const;
    static Bytes brought_size(Session& session, const images::Pool& pool, const std::string& region,
                              const LayerId& top);
    void publish(const OperationId& operation, const Copy& copy) const;
    void fail(const OperationId& operation, const Copy& copy, const std::string& cause) const;

    InstanceLifecycle::Dependencies use_;
    mutable std::mutex mutex_;
    std::map<OperationId, std::shared_ptr<Progress>> running_;
    std::map<SnapshotId, std::shared_ptr<Progress>> progress_;
    std::size_t next_slot_ = 0;
};

}  // namespace kiln::launcher
