#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "images/bundles/bundle.hpp"
#include "images/catalog/bundle_task.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// What BundleInstance has to do, kept in its operation, which pins what was captured.
struct Bundling {
    OperationId capturing;                  // the operation of the capture
    images::BundleDescription description;  // of the instance when it was asked for
};

std::string to_json(const Bundling& bundling);
Bundling parse_bundling(const std::string& json);

/// The jobs behind BundleInstance. A task's operation pins the layer that a capture has frozen for
/// it; the job reads the chain below that layer into a raw file beside it, bundles that file, and
/// ends the task. After a crash it begins with the reading again; a canceled task is cleaned up by
/// its job. Jobs hold no lane of the instance.
class BundleJobs {
  public:
    BundleJobs(const InstanceLifecycle::Dependencies& dependencies, images::ObjectStore& store)
        : use_(dependencies), store_(store) {}

    /// Adds the job of an operation whose capture has ended; `failure` is why it failed. Any
    /// thread.
    void add(const images::Operation& operation, const std::string& failure = "");
    /// To be called when the task's state has become cancelling: its job ends. Any thread.
    void cancel(const images::Operation& operation);
    /// 0 to 99 while it runs; nullopt when it does not.
    std::optional<int> percent_done(const images::BundleTaskId& task) const;

  private:
    struct Running {
        std::stop_source stop;
        std::atomic<int> percent = 0;
    };
    struct Work;  // what one run has read of the catalog

    std::optional<Work> load(const images::Operation& operation) const;
    void run(const images::Operation& operation, const std::string& failure);
    void bundle(const images::Operation& operation, const Work& work, Running& running);
    static void check_root_size(const Work& work);
    std::optional<images::BundleManifest> find_stored(const Work& work) const;
    images::BundleManifest store(const images::Operation& operation, const Work& work,
                                 Running& running);
    void set_state(const images::BundleTaskId& task, images::BundleTaskState state) const;
    void publish(const images::Operation& operation, const Work& work,
                 const images::BundleManifest& manifest) const;
    void give_up(const images::Operation& operation, const Work& work, const std::string& code,
                 const std::string& cause) const;
    void clean_up(const Work& work) const;

    InstanceLifecycle::Dependencies use_;
    images::ObjectStore& store_;
    mutable std::mutex mutex_;
    std::map<images::BundleTaskId, std::shared_ptr<Running>> running_;
};

}  // namespace kiln::launcher
