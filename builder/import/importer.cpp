#include "builder/import/importer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "builder/import/download.hpp"
#include "builder/import/gate/gate.hpp"
#include "builder/import/import_work.hpp"
#include "builder/import/imported_image.hpp"
#include "images/bundles/object_store.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/image_name.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/snapshot.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace {

using images::ImportTask;
using images::TaskState;

constexpr std::size_t most_disks = 16;
constexpr std::size_t longest_text = 255;
constexpr std::size_t longest_token = 64;
constexpr std::size_t longest_user_name = 32;
constexpr std::chrono::hours tasks_are_kept{7 * 24};  // EC2's
constexpr std::chrono::hours housekeeping_interval{1};
constexpr const char* import_action = "ImportImage";

void check_text(const std::string& text, const char* what, std::size_t most) {
    if (text.size() <= most) return;
    throw Error(error_code::invalid_parameter_value, "",
                fmt::format("{} has {} bytes, and may have {}", what, text.size(), most));
}

void check_login_user(const std::string& user) {
    constexpr const char* allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (user.size() <= longest_user_name && user.find_first_not_of(allowed) == std::string::npos &&
        !user.starts_with('-')) {
        return;
    }
    throw Error(error_code::invalid_parameter_value, user,
                fmt::format("'{}' is not the name of a user", on_one_line(user)));
}

void check_disk(const DiskContainer& disk) {
    check_text(disk.description, "the description of a disk", longest_text);
    if (!disk.format.empty() && !gate::parse_disk_format(disk.format)) {
        throw Error(error_code::invalid_parameter_value, disk.format,
                    fmt::format("Value ({}) for format is invalid: expecting one of raw, qcow2, "
                                "vmdk, vhd, vhdx, ova",
                                on_one_line(disk.format)));
    }
    if (!disk.sha256.empty() && !is_sha256_hex(disk.sha256)) {
        throw Error(error_code::invalid_parameter_value, disk.sha256,
                    "a SHA-256 is written with 64 digits of 0-9 and a-f");
    }
    if (const auto* url = std::get_if<DiskUrl>(&disk.source)) check_url(url->url);
}

void check(const ImportImageRequest& request) {
    if (request.disks.empty() || request.disks.size() > most_disks) {
        throw Error(error_code::invalid_parameter_value, "",
                    fmt::format("an image has 1 to {} disks", most_disks));
    }
    if (!request.name.empty()) images::check_image_name(request.name);
    check_text(request.description, "the description", longest_text);
    check_text(request.client_token, "the client token", longest_token);
    check_login_user(request.login_user);
    std::set<std::string> devices;
    for (const DiskContainer& disk : request.disks) {
        check_disk(disk);
        if (!disk.device_name.empty()) launcher::check_device_name(disk.device_name);
        if (disk.device_name.empty() || devices.insert(disk.device_name).second) continue;
        throw Error(error_code::invalid_parameter_value, disk.device_name,
                    fmt::format("'{}' is named twice: each disk has a device of its own",
                                disk.device_name));
    }
}

/// What can be known of the sources before anything is read of them.
class SourceCheck {
  public:
    SourceCheck(Session& session, const images::Caller& caller, const Uploads& uploads)
        : session_(session), caller_(caller), uploads_(uploads) {}

    /// The task takes it.
    void operator()(const images::UploadId& id) const {
        const images::Upload upload = images::get_upload(session_, caller_.scope(), id);
        uploads_.check_complete(upload);
        images::delete_upload(session_, id);
    }
    void operator()(const DiskUrl&) const {}
    void operator()(const images::ObjectName& object) const {
        images::check_bucket_name(object.bucket);
        images::check_object_key(object.key);
        images::check_own_bucket(session_, caller_.account, object.bucket);
    }
    /// One of another account's would be its owner's to revoke, and the image would keep it.
    void operator()(const SnapshotId& id) const {
        const auto snapshot = images::get_usable_snapshot(session_, caller_.scope(), id);
        if (snapshot.owner == caller_.account) return;
        throw Error(error_code::unsupported_operation, id.str(),
                    fmt::format("The snapshot '{}' is shared with you, and an image needs one of "
                                "your own: make a copy of it.",
                                id.str()));
    }

  private:
    Session& session_;
    const images::Caller& caller_;
    const Uploads& uploads_;
};

/// EC2's words for whom a failure concerns. What is wrong with this host stands in the log.
std::string reason_of(const std::exception& exception) {
    const auto* error = dynamic_cast<const Error*>(&exception);
    if (error == nullptr || error->code() == error_code::internal_error)
        return "ServerError: the import failed for a reason that the service's log tells";
    const bool is_ours = error->code() == error_code::insufficient_instance_capacity ||
                         error->code() == error_code::unavailable;
    return fmt::format("{}: {}", is_ours ? "ServerError" : "ClientError", error->message());
}

std::set<images::UploadId> uploads_of(const std::vector<ImportTask>& tasks) {
    std::set<images::UploadId> ids;
    for (const ImportTask& task : tasks) {
        for (const DiskContainer& disk : parse_import_request(task.request).request.disks) {
            if (const auto* id = std::get_if<images::UploadId>(&disk.source)) ids.insert(*id);
        }
    }
    return ids;
}

}  // namespace

Importer::Importer(Dependencies dependencies)
    : dependencies_(dependencies),
      uploads_({.database = dependencies.database,
                .regions = dependencies.regions,
                .clock = dependencies.clock,
                .free_space_reserve = dependencies.free_space_reserve}),
      threads_(dependencies.threads, [this](const ImportThreads::Turn& turn) { work(turn); }) {}

void Importer::recover() {
    const auto tasks = dependencies_.database.read(
        [](Session& session) { return images::unfinished_import_tasks(session); });
    forget_what_is_old();
    remove_left_files(tasks);
    for (const ImportTask& task : tasks) {
        if (task.state == TaskState::deleting) {
            end_failed(task.id, task.message);
        } else {
            log::info("{} was cut off and begins again", task.id);
            threads_.add(task.id);
        }
    }
    housekeeper_ = std::jthread([this](const std::stop_token& stop) { keep_house(stop); });
}

/// A pool that cannot be cleaned is no reason for the service not to start.
void Importer::remove_left_files(const std::vector<ImportTask>& unfinished) {
    std::set<std::string> ids;
    for (const ImportTask& task : unfinished)
        ids.insert(task.id);
    for (const launcher::Region* region : dependencies_.regions.reachable()) {
        try {
            remove_left_work(*region, ids);
        } catch (const std::exception& error) {
            log::error("what imports left in {} cannot be removed: {}", region->name, error.what());
        }
    }
}

void Importer::forget_what_is_old() {
    try {
        const auto tasks = dependencies_.database.write([&](Session& session) {
            images::forget_import_tasks(session, dependencies_.clock.now() - tasks_are_kept);
            return images::unfinished_import_tasks(session);
        });
        for (const launcher::Region* region : dependencies_.regions.reachable())
            uploads_.clean(*region, uploads_of(tasks));
    } catch (const std::exception& error) {
        log::error("old imports cannot be forgotten: {}", error.what());
    }
}

void Importer::keep_house(const std::stop_token& stop) {
    std::mutex alone;
    std::unique_lock lock(alone);
    while (true) {
        never_.wait_for(lock, stop, housekeeping_interval, [] { return false; });
        if (stop.stop_requested()) return;
        forget_what_is_old();
    }
}

ImportTask Importer::begin(const images::Caller& caller, std::string id,
                           const StoredImportRequest& stored) {
    const ImportImageRequest& request = stored.request;
    check(request);
    const std::string json = to_json(stored);
    const std::string digest = sha256_hex(json);
    const bool has_token = !request.client_token.empty();
    bool is_new = true;
    ImportTask task = dependencies_.database.write([&](Session& session) {
        const auto earlier = has_token
                                 ? images::find_client_token(session, caller.scope(), import_action,
                                                             request.client_token, digest)
                                 : std::nullopt;
        if (earlier) {
            is_new = false;
            return images::get_import_task(session, caller.scope(), earlier->resource_id);
        }
        // So that nobody waits for an image that could not be registered at the end.
        if (!request.name.empty())
            images::check_image_name_is_free(session, caller.scope(), request.name);
        for (const DiskContainer& disk : request.disks)
            std::visit(SourceCheck(session, caller, uploads_), disk.source);
        ImportTask made{.id = std::move(id),
                        .owner = caller.account,
                        .region = caller.region,
                        .state = TaskState::active,
                        .request = json,
                        .created = dependencies_.clock.now()};
        images::insert_import_task(session, made);
        if (has_token) {
            images::insert_client_token(session, caller.scope(),
                                        {.action = import_action,
                                         .token = request.client_token,
                                         .parameters_digest = digest,
                                         .resource_id = made.id,
                                         .created = made.created});
        }
        caller.stop_if_dry_run();
        return made;
    });
    if (is_new) {
        report(task.id, 0, "pending");
        threads_.add(task.id);
    }
    return task;
}

ImportTask Importer::import_image(const images::Caller& caller, const ImportImageRequest& request) {
    return begin(caller, images::ImportImageTaskId::generate().str(),
                 {.request = request, .loopback = caller.administrator});
}

ImportTask Importer::import_snapshot(const images::Caller& caller,
                                     const ImportSnapshotRequest& request) {
    if (std::holds_alternative<SnapshotId>(request.disk.source)) {
        throw Error(error_code::invalid_parameter_value, "",
                    "a snapshot is imported from a file, not from a snapshot");
    }
    const ImportImageRequest whole{.disks = {request.disk},
                                   .description = request.description,
                                   .task_tags = request.task_tags,
                                   .snapshot_tags = request.snapshot_tags,
                                   .client_token = request.client_token};
    return begin(caller, images::ImportSnapshotTaskId::generate().str(),
                 {.request = whole, .loopback = caller.administrator});
}

ImportProgress Importer::progress(const std::string& task) const {
    const std::lock_guard lock(mutex_);
    const auto found = progress_.find(task);
    return found == progress_.end() ? ImportProgress{.step = "pending"} : found->second;
}

void Importer::report(const std::string& task, int percent, const std::string& step) {
    const std::lock_guard lock(mutex_);
    progress_.insert_or_assign(task, ImportProgress{.percent = percent, .step = step});
}

void Importer::cancel_import_task(const images::Caller& caller, const std::string& id,
                                  const std::string& reason) {
    check_text(reason, "the reason", longest_text);
    dependencies_.database.write([&](Session& session) {
        ImportTask task = images::get_import_task(session, caller.scope(), id);
        if (task.state != TaskState::active) {
            throw Error(
                "IncorrectState", id,
                fmt::format("The import task '{}' has ended: it is {}", id, to_text(task.state)));
        }
        caller.stop_if_dry_run();
        task.state = TaskState::deleting;
        task.message = reason.empty() ? "canceled" : "canceled: " + reason;
        images::update_import_task(session, task);
    });
    threads_.cancel(id);
    if (!threads_.is_stopping()) fail(id, "");  // when nobody has worked at it
}

/// What it made is gone when its end is told.
void Importer::fail(const std::string& id, const std::string& message) {
    const auto task = dependencies_.database.read(
        [&](Session& session) { return images::find_import_task(session, id); });
    if (!task) return;
    try {
        remove_work(dependencies_.regions.get(task->region), id);
    } catch (const std::exception& error) {
        // The next start removes what no task knows.
        log::error("the files of {} cannot be removed: {}", id, error.what());
    }
    dependencies_.database.write([&](Session& session) {
        auto row = images::find_import_task(session, id);
        if (!row || row->state == TaskState::completed) return;
        // Why it was canceled stays.
        if (row->state == TaskState::active) row->message = message;
        row->state = TaskState::deleted;
        images::update_import_task(session, *row);
    });
    const std::lock_guard lock(mutex_);
    progress_.erase(id);
}

void Importer::work(const ImportThreads::Turn& turn) {
    try {
        const auto task = dependencies_.database.read(
            [&](Session& session) { return images::find_import_task(session, turn.task); });
        if (!task || task->state == TaskState::completed || task->state == TaskState::deleted)
            return;
        if (task->state == TaskState::deleting) return fail(turn.task, task->message);
        import_disks(
            {.database = dependencies_.database,
             .region = dependencies_.regions.get(task->region),
             .store = dependencies_.store,
             .accelerators = dependencies_.accelerators,
             .clock = dependencies_.clock,
             .uploads = uploads_,
             .free_space_reserve = dependencies_.free_space_reserve,
             .slot = turn.slot,
             .on_progress = [&](int percent,
                                const std::string& step) { report(turn.task, percent, step); },
             .stop = turn.stop},
            *task);
        const std::lock_guard lock(mutex_);
        progress_.erase(turn.task);
    } catch (const std::exception& error) {
        if (threads_.is_stopping()) return;  // it begins again at the next start
        log::warn("{} has failed: {}", turn.task, error.what());
        end_failed(turn.task, reason_of(error));
    }
}

void Importer::end_failed(const std::string& task, const std::string& message) {
    try {
        fail(task, message);
    } catch (const std::exception& error) {
        log::error("{} cannot be ended: {}", task, error.what());
    }
}

}  // namespace kiln::builder
