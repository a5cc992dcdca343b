#pragma once

#include <functional>
#include <set>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "builder/import/uploads.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "images/catalog/import_task.hpp"

namespace kiln::images {
class ObjectStore;
}

namespace kiln::builder {

/// One try to do what an import task says.
struct ImportWork {
    Database& database;
    const launcher::Region& region;
    const images::ObjectStore& store;
    const hypervisor::Accelerators& accelerators;
    const Clock& clock;
    Uploads& uploads;
    Bytes free_space_reserve;
    unsigned slot;  // of the thread that works
    std::function<void(int percent, const std::string& step)> on_progress;
    std::stop_token stop;
};

/// Gets the files, cleans their disks, looks into the first one, and publishes all of it at once.
/// Throws what is wrong; the files are then the caller's to remove. Error{Canceled} after a stop.
void import_disks(const ImportWork& work, const images::ImportTask& task);

/// Removes all files of a task.
void remove_work(const launcher::Region& region, const std::string& task);
/// Removes those of every task but these.
void remove_left_work(const launcher::Region& region, const std::set<std::string>& unfinished);

}  // namespace kiln::builder
