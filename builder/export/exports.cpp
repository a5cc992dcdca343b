#include "builder/export/exports.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "builder/export/export_files.hpp"
#include "builder/export/file_reader.hpp"
#include "builder/export/make_export.hpp"
#include "builder/remove_tree.hpp"
#include "builder/tasks/task_threads.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/usage.hpp"
#include "images/layers/checked_chain.hpp"
#include "images/layers/collection.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace {

using images::ExportTask;
using images::ExportTaskId;
using images::ExportTaskState;

constexpr std::chrono::minutes housekeeping_interval{1};
constexpr std::chrono::hours ended_tasks_are_kept{7 * 24};
constexpr std::size_t longest_message = 1'000;

std::vector<OpenTask> open_tasks(Database& database) {
    return database.read([](Session& session) {
        std::vector<OpenTask> open;
        for (const ExportTaskState state : {ExportTaskState::active, ExportTaskState::deleting})
            for (const ExportTask& task : images::export_tasks_in(session, state))
                open.push_back({.id = task.id.str(), .started = task.started});
        return open;
    });
}

Error incorrect_state(const ExportTask& task, const char* expected) {
    return {"IncorrectState", task.id.str(),
            fmt::format("The export task '{}' is {}, and not {}.", task.id.str(),
                        to_text(task.state), expected)};
}

void begin_deleting_in(Session& session, ExportTask task, const std::string& message, Time now) {
    task.state = ExportTaskState::deleting;
    task.status_message = message.substr(0, longest_message);
    task.updated = now;
    images::update_export_task(session, task);
}

std::string read_file_piece(const std::filesystem::path& path,
                            const images::ObjectStore::Range& range) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) throw system_error(fmt::format("open '{}'", path.string()));
    std::string bytes(range.length.value, '\0');
    bytes.resize(read_at(file, path, range.offset, bytes));
    return bytes;
}

}  // namespace

Exports::Exports(Dependencies dependencies) : use_(dependencies) {
    use_.threads.add(
        {.open_tasks = [this] { return open_tasks(use_.database); },
         .run = [this](const std::string& id, const std::stop_token& stop) { run(id, stop); }});
    housekeeper_ = std::jthread([this](const std::stop_token& stop) { keep_house(stop); });
}

Exports::~Exports() {
    use_.threads.stop();
}

void Exports::keep_house(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        try {
            remove_expired();
        } catch (const std::exception& error) {
            log::warn("exports that have expired are still there: {}", error.what());
        }
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, stop, housekeeping_interval, [] { return false; });
    }
}

void Exports::remove_expired() {
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        for (const ExportTask& task :
             images::export_tasks_in(session, ExportTaskState::completed)) {
            if (!task.bucket.empty() || task.updated + exports_are_kept > now) continue;
            begin_deleting_in(session, task, "the file was not fetched within a day", now);
        }
        images::forget_export_tasks(session, now - ended_tasks_are_kept);
    });
    use_.threads.wake();
}

ExportTask Exports::export_image(const images::Caller& caller, const ExportRequest& request) {
    const launcher::Region& region = use_.regions.get(caller.region);
    region.pool.check_space({}, use_.free_space_reserve);
    const auto reading = region.chains->read();  // until what is read is pinned
    ExportTask task = use_.database.write([&](Session& session) {
        return insert_export(session, caller, request, use_.store, use_.clock.now());
    });
    use_.threads.wake();
    return task;
}

void Exports::cancel_export_task(const images::Caller& caller, const ExportTaskId& id) {
    use_.database.write([&](Session& session) {
        const ExportTask task = images::get_export_task(session, caller.scope(), id);
        if (task.state != ExportTaskState::active) throw incorrect_state(task, "active");
        begin_deleting_in(session, task, "canceled by the user", use_.clock.now());
        caller.stop_if_dry_run();
    });
    use_.threads.interrupt(id.str());
    use_.threads.wake();
}

void Exports::delete_exported_image(const images::Caller& caller, const ExportTaskId& id) {
    use_.database.write([&](Session& session) {
        const ExportTask task = images::get_export_task(session, caller.scope(), id);
        if (task.state != ExportTaskState::completed) throw incorrect_state(task, "completed");
        begin_deleting_in(session, task, "removed by the user", use_.clock.now());
        caller.stop_if_dry_run();
    });
    use_.threads.wake();
}

std::optional<Exports::Progress> Exports::progress_of(const ExportTaskId& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = progress_.find(id);
    if (found == progress_.end()) return std::nullopt;
    return found->second;
}

void Exports::tell(const ExportTaskId& id, int percent, const std::string& step) {
    const std::lock_guard lock(mutex_);
    progress_[id] = {.percent = percent, .step = step};
}

std::string Exports::read(const images::Caller& caller, const ExportTaskId& id,
                          const images::ObjectStore::Range& range) const {
    const ExportTask task = use_.database.read(
        [&](Session& session) { return images::get_export_task(session, caller.scope(), id); });
    if (task.state != ExportTaskState::completed) throw incorrect_state(task, "completed");
    if (range.offset > task.file_size) {
        throw Error(error_code::invalid_parameter_value, "offset",
                    fmt::format("the file has {} bytes, and {} is beyond its end",
                                task.file_size.value, range.offset.value));
    }
    const images::ObjectStore::Range bounded{.offset = range.offset,
                                             .length = std::min(range.length, max_export_piece)};
    if (!task.bucket.empty()) return use_.store.get(export_object(task), bounded);
    return read_file_piece(export_file(use_.regions.get(task.region).pool, task), bounded);
}

void Exports::run(const std::string& id, const std::stop_token& stop) {
    const ExportTaskId task_id(id);
    const auto find = [&] {
        return use_.database.read(
            [&](Session& session) { return images::find_export_task(session, task_id); });
    };
    auto task = find();
    if (task && task->state == ExportTaskState::active) {
        std::string failure;
        try {
            make(*task, stop);
        } catch (const std::exception& error) {
            failure = on_one_line(error.what());
            // At once: on a full disk the catalog may need the room to say what has happened.
            remove_tree(export_directory(use_.regions.get(task->region).pool, task_id));
        }
        task = find();
        if (task && task->state == ExportTaskState::active) {
            if (stop.stop_requested()) return;  // the service stops, and will begin it again
            log::warn("the export {} of {} has failed: {}", id, task->image.str(), failure);
            begin_deleting(task_id, failure);
            task = find();
        }
    }
    if (task && task->state == ExportTaskState::deleting) remove(*task);
    const std::lock_guard lock(mutex_);
    progress_.erase(task_id);
}

ExportedLayers Exports::layers_of(const ExportTask& task) const {
    const auto operations = use_.database.read(
        [&](Session& session) { return images::operations_of_resource(session, task.id.str()); });
    if (!operations.empty()) return parse_exported_layers(operations.front().payload);
    throw Error(error_code::internal_error, task.id.str(), "the task has no operation any more");
}

/// The names in the files are as the catalog has them, and there is room for the file, and for what
/// it is packed from meanwhile.
void Exports::check_chains(const ExportTask& task, const launcher::Region& region,
                           const ExportedLayers& layers) const {
    const images::Pool& pool = region.pool;
    Bytes needed = Bytes::mebibytes(64);
    for (const images::Layer& layer :
         images::checked_chain(use_.database, pool, region.name, layers.disk)) {
        const Bytes size = pool.allocated_size(layer.id);
        needed = needed + size + size;
    }
    if (layers.base) images::checked_chain(use_.database, pool, region.name, *layers.base);
    // Objects have no holes.
    if (task.format == images::DiskImageFormat::raw && !task.bucket.empty())
        needed = needed + task.virtual_size;
    pool.check_space(needed, use_.free_space_reserve);
}

void Exports::make(const ExportTask& task, const std::stop_token& stop) {
    tell(task.id, 0, "preparing");
    const launcher::Region& region = use_.regions.get(task.region);
    const ExportedLayers layers = layers_of(task);
    check_chains(task, region, layers);
    make_export_directory(region.pool, task.id);
    const auto image = use_.database.read(
        [&](Session& session) { return images::find_image(session, task.image); });
    ExportWork work{.format = task.format,
                    .image = image.value(),
                    .disk = region.pool.path_of(layers.disk),
                    .to = export_file(region.pool, task),
                    .use_kvm = use_.accelerators.host_uses_kvm(),
                    .now = use_.clock.now()};
    if (layers.base)
        work.base = {.image = task.base.value(), .disk = region.pool.path_of(*layers.base)};
    const std::string sha256 = make_export(
        work, [&](int percent, const std::string& step) { tell(task.id, percent, step); }, stop);
    const Bytes size{std::filesystem::file_size(work.to)};
    if (task.bucket.empty()) {
        sync_directory(work.to.parent_path());
    } else {
        put_object(task, region, stop);
        remove_tree(export_directory(region.pool, task.id));
    }
    if (!publish(task, size, sha256)) return;  // canceled meanwhile
    images::collect_layers(use_.database, region.pool, region.name);
    log::info("{} is exported by {}: {} MiB", task.image.str(), task.id.str(), size.in_mebibytes());
}

void Exports::put_object(const ExportTask& task, const launcher::Region& region,
                         const std::stop_token& stop) {
    constexpr int percent_before_end = 99;
    tell(task.id, percent_before_end, "uploading");
    const auto object = use_.store.put(export_object(task));
    read_pieces(
        export_file(region.pool, task), [&](std::string_view bytes) { object->write(bytes); },
        nullptr, stop);
    object->commit();
}

bool Exports::publish(const ExportTask& task, Bytes size, const std::string& sha256) const {
    const Time now = use_.clock.now();
    return use_.database.write([&](Session& session) {
        auto completed = images::find_export_task(session, task.id);
        if (!completed || completed->state != ExportTaskState::active) return false;
        completed->state = ExportTaskState::completed;
        completed->file_size = size;
        completed->sha256 = sha256;
        completed->updated = now;
        images::update_export_task(session, *completed);
        for (const images::Operation& operation :
             images::operations_of_resource(session, task.id.str()))
            images::delete_operation(session, operation.id);
        if (task.bucket.empty()) return true;
        images::meter_bundle_start(session,
                                   {.location = to_text(export_object(task)),
                                    .owner = task.owner,
                                    .region = task.region,
                                    .size = size},
                                   now);
        return true;
    });
}

void Exports::begin_deleting(const ExportTaskId& id, const std::string& message) const {
    use_.database.write([&](Session& session) {
        const auto task = images::find_export_task(session, id);
        if (task && task->state == ExportTaskState::active)
            begin_deleting_in(session, *task, message, use_.clock.now());
    });
}

void Exports::remove(const ExportTask& task) const {
    const launcher::Region& region = use_.regions.get(task.region);
    remove_tree(export_directory(region.pool, task.id));
    if (!task.bucket.empty()) use_.store.remove(export_object(task));
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        auto deleted = images::find_export_task(session, task.id);
        if (!deleted) return;
        deleted->state = ExportTaskState::deleted;
        deleted->updated = now;
        images::update_export_task(session, *deleted);
        for (const images::Operation& operation :
             images::operations_of_resource(session, task.id.str()))
            images::delete_operation(session, operation.id);
        if (!task.bucket.empty())
            images::meter_bundle_end(session, to_text(export_object(task)), now);
    });
    images::collect_layers(use_.database, region.pool, region.name);
}

}  // namespace kiln::builder
