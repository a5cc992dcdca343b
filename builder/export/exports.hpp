#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "builder/export/export_request.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "images/accounts/caller.hpp"
#include "images/bundles/object_store.hpp"
#include "images/catalog/export_task.hpp"

namespace kiln {
class Database;
}
namespace kiln::launcher {
class Regions;
struct Region;
}  // namespace kiln::launcher

namespace kiln::builder {

class TaskThreads;

/// Most of a file that is read at once.
inline constexpr Bytes max_export_piece = Bytes::mebibytes(1);
/// How long a file waits to be fetched.
inline constexpr std::chrono::hours exports_are_kept{24};

/// Makes files of foreign formats of images, in threads of TaskThreads, and keeps them until they
/// were fetched. Any thread.
class Exports {
  public:
    struct Dependencies {
        Database& database;
        const launcher::Regions& regions;
        images::ObjectStore& store;
        const hypervisor::Accelerators& accelerators;
        const Clock& clock;
        TaskThreads& threads;  // it adds its kind of tasks to them, and stops them at its end
        Bytes free_space_reserve;
    };
    explicit Exports(Dependencies dependencies);
    ~Exports();
    Exports(const Exports&) = delete;
    Exports& operator=(const Exports&) = delete;

    /// Begins an export. Throws what insert_export() throws, and
    /// Error{InsufficientInstanceCapacity} when the pool is full.
    images::ExportTask export_image(const images::Caller& caller, const ExportRequest& request);
    /// Ends one that is active; what there is of it goes soon. Throws
    /// Error{InvalidExportTaskID.NotFound} and, when it has ended, Error{IncorrectState}.
    void cancel_export_task(const images::Caller& caller, const images::ExportTaskId& id);
    /// Removes the file or the object of one that is completed. Throws
    /// Error{InvalidExportTaskID.NotFound} and, when it is not, Error{IncorrectState}.
    void delete_exported_image(const images::Caller& caller, const images::ExportTaskId& id);

    struct Progress {
        int percent = 0;
        std::string step;
    };
    /// Of one that is being worked at.
    std::optional<Progress> progress_of(const images::ExportTaskId& id) const;

    /// Bytes of the file of a completed task of the caller's: those of the range, of which no more
    /// than max_export_piece; none at its end. Throws Error{InvalidExportTaskID.NotFound},
    /// Error{IncorrectState}, and Error{InvalidParameterValue} for an offset beyond the end.
    std::string read(const images::Caller& caller, const images::ExportTaskId& id,
                     const images::ObjectStore::Range& range) const;

    /// Has the files of the past days removed, and forgets tasks of the past weeks. It is done
    /// every minute.
    void remove_expired();

  private:
    void run(const std::string& id, const std::stop_token& stop);
    void make(const images::ExportTask& task, const std::stop_token& stop);
    ExportedLayers layers_of(const images::ExportTask& task) const;
    void check_chains(const images::ExportTask& task, const launcher::Region& region,
                      const ExportedLayers& layers) const;
    void put_object(const images::ExportTask& task, const launcher::Region& region,
                    const std::stop_token& stop);
    bool publish(const images::ExportTask& task, Bytes size, const std::string& sha256) const;
    void begin_deleting(const images::ExportTaskId& id, const std::string& message) const;
    void remove(const images::ExportTask& task) const;
    void tell(const images::ExportTaskId& id, int percent, const std::string& step);
    void keep_house(const std::stop_token& stop);

    Dependencies use_;
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<images::ExportTaskId, Progress> progress_;
    std::jthread housekeeper_;  // last: it uses the members above
};

}  // namespace kiln::builder
