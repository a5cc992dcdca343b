#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "builder/import/import_request.hpp"
#include "builder/import/import_threads.hpp"
#include "builder/import/uploads.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/import_task.hpp"

namespace kiln::images {
class ObjectStore;
}
namespace kiln::launcher {
class Regions;
}

namespace kiln::builder {

/// How far an active task is.
struct ImportProgress {
    int percent = 0;
    std::string step;
};

/// Imports disks that others made: tasks that threads of its own work at. A task that a crash or a
/// stop of the service cut off is begun again. Any thread.
class Importer {
  public:
    struct Dependencies {
        Database& database;
        const launcher::Regions& regions;
        const images::ObjectStore& store;
        const hypervisor::Accelerators& accelerators;
        const Clock& clock;
        Bytes free_space_reserve;
        unsigned threads = 2;
    };
    explicit Importer(Dependencies dependencies);

    Uploads& uploads() { return uploads_; }

    /// Begins again what was cut off, and removes what is left of other tasks and old uploads.
    void recover();
    /// Throws for what can be seen to be wrong before anything is fetched or read.
    images::ImportTask import_image(const images::Caller& caller,
                                    const ImportImageRequest& request);
    images::ImportTask import_snapshot(const images::Caller& caller,
                                       const ImportSnapshotRequest& request);
    /// Of an active one.
    ImportProgress progress(const std::string& task) const;
    /// When this returns nothing of it is left. Throws Error{InvalidConversionTaskId}, and
    /// Error{IncorrectState} when it has ended.
    void cancel_import_task(const images::Caller& caller, const std::string& id,
                            const std::string& reason);
    /// The service is about to stop: what is being done is to end. Whoever waits for that goes on.
    void prepare_stop() { threads_.request_stop(); }
    /// For tests.
    void wait_until_idle() { threads_.wait_until_idle(); }

  private:
    images::ImportTask begin(const images::Caller& caller, std::string id,
                             const StoredImportRequest& stored);
    void work(const ImportThreads::Turn& turn);
    void fail(const std::string& id, const std::string& message);
    void end_failed(const std::string& task, const std::string& message);
    void report(const std::string& task, int percent, const std::string& step);
    void remove_left_files(const std::vector<images::ImportTask>& unfinished);
    void forget_what_is_old();
    void keep_house(const std::stop_token& stop);

    Dependencies dependencies_;
    Uploads uploads_;
    mutable std::mutex mutex_;
    std::map<std::string, ImportProgress> progress_;
    std::condition_variable_any never_;
    std::jthread housekeeper_;
    ImportThreads threads_;  // last: its threads use the members above
};

}  // namespace kiln::builder
