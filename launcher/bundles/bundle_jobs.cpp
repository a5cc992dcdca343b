#include "launcher/bundles/bundle_jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/usage.hpp"
#include "images/layers/collection.hpp"
#include "launcher/bundles/bundle_prefix.hpp"
#include "launcher/bundles/bundles.hpp"

namespace kiln::launcher {

namespace {

using images::BundleTask;
using images::BundleTaskState;

constexpr int percent_before_end = 99;

/// Bundles are read and compressed by one thread each: two at once use what the disk gives.
constexpr std::size_t bundle_slots = 2;

}  // namespace

struct BundleJobs::Work {
    BundleTask task;
    std::optional<LayerId> layer;
    images::BundleDescription description;
    std::filesystem::path raw_file;

    images::ObjectPrefix bundle() const { return {.bucket = task.bucket, .prefix = task.prefix}; }
};

std::string to_json(const Bundling& bundling) {
    const images::BundleDescription& description = bundling.description;
    nlohmann::json devices = nlohmann::json::array();
    for (const images::BundleMapping& mapping : description.block_device_mapping)
        devices.push_back({{"virtual_name", mapping.virtual_name}, {"device", mapping.device}});
    nlohmann::json document{{"capturing", bundling.capturing.str()},
                            {"name", description.name},
                            {"user", description.user},
                            {"architecture", description.architecture},
                            {"devices", devices}};
    for (const auto& [name, text, max_bytes] : images::optional_texts)
        document[name] = description.*text;
    return document.dump();
}

Bundling parse_bundling(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    Bundling bundling{
        .capturing = OperationId(document.at("capturing").get<std::string>()),
        .description = {.name = document.at("name").get<std::string>(),
                        .user = document.at("user").get<std::string>(),
                        .architecture = document.at("architecture").get<std::string>()}};
    // Operations of older services have fewer.
    for (const auto& [name, text, max_bytes] : images::optional_texts)
        bundling.description.*text = document.value(name, "");
    for (const nlohmann::json& device : document.at("devices")) {
        bundling.description.block_device_mapping.push_back(
            {.virtual_name = device.at("virtual_name").get<std::string>(),
             .device = device.at("device").get<std::string>()});
    }
    return bundling;
}

void BundleJobs::check_root_size(const Work& work) {
    const Bytes size{std::filesystem::file_size(work.raw_file)};
    if (size <= max_bundled_root) return;
    throw Error(error_code::invalid_parameter_value, work.task.id.str(),
                fmt::format("the root device has {} GiB, and that of an instance-store image at "
                            "most {}",
                            size.in_gibibytes(), max_bundled_root.in_gibibytes()));
}

std::optional<BundleJobs::Work> BundleJobs::load(const images::Operation& operation) const {
    return use_.database.read([&](Session& session) -> std::optional<Work> {
        if (!images::operation_is_open(session, operation.id)) return std::nullopt;
        const auto task =
            images::find_bundle_task(session, images::BundleTaskId(operation.resource_id));
        if (!task) return std::nullopt;
        const auto pinned = images::pinned_layers(session, operation.id);
        return Work{.task = *task,
                    .layer = pinned.empty() ? std::nullopt : std::optional(pinned.front()),
                    .description = parse_bundling(operation.payload).description,
                    .raw_file = use_.regions.get(task->region).pool.directory() /
                                (task->id.str() + ".raw")};
    });
}

void BundleJobs::add(const images::Operation& operation, const std::string& failure) {
    const std::size_t slot = std::hash<std::string>{}(operation.resource_id) % bundle_slots;
    use_.executor.add_for_all({operation.resource_id, fmt::format("bundle slot {}", slot)},
                              [this, operation, failure] { run(operation, failure); });
}

void BundleJobs::cancel(const images::Operation& operation) {
    {
        const std::lock_guard lock(mutex_);
        const auto running = running_.find(images::BundleTaskId(operation.resource_id));
        if (running != running_.end()) running->second->stop.request_stop();
    }
    add(operation);
}

std::optional<int> BundleJobs::percent_done(const images::BundleTaskId& task) const {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(task);
    if (found == running_.end()) return std::nullopt;
    return std::min(found->second->percent.load(), percent_before_end);
}

void BundleJobs::run(const images::Operation& operation, const std::string& failure) {
    const auto running = std::make_shared<Running>();
    const images::BundleTaskId id(operation.resource_id);
    {
        const std::lock_guard lock(mutex_);
        running_.insert_or_assign(id, running);
    }
    Rollback at_the_end;
    at_the_end.add([&] {
        const std::lock_guard lock(mutex_);
        running_.erase(id);
    });
    const auto work = load(operation);
    if (!work) return;
    if (work->task.state == BundleTaskState::cancelling) {
        give_up(operation, *work, "Client.Cancelled", "the bundling was canceled");
    } else if (!work->layer) {
        give_up(operation, *work, "Server.InternalError",
                failure.empty() ? "the capture of the root disk was cut off" : failure);
    } else {
        bundle(operation, *work, *running);
    }
}

void BundleJobs::bundle(const images::Operation& operation, const Work& work, Running& running) {
    try {
        const std::stop_callback with_service(use_.pause.token(),
                                              [&] { running.stop.request_stop(); });
        publish(operation, work, store(operation, work, running));
    } catch (const std::exception& error) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        const auto* known = dynamic_cast<const Error*>(&error);
        if (known != nullptr && known->code() == error_code::unavailable) throw;  // tried again
        if (known != nullptr && known->code() == "Canceled") return;  // cancel() has added a job
        log::error("{}: {}", work.task.id.str(), error.what());
        give_up(operation, work, "Server.InternalError", error.what());
    }
}

/// What an earlier run had stored whole before its process ended: the prefix is the task's alone.
std::optional<images::BundleManifest> BundleJobs::find_stored(const Work& work) const {
    try {
        return images::read_manifest(store_, images::manifest_of(work.bundle()), max_bundled_root);
    } catch (const Error& error) {
        const std::string& code = error.code();
        if (code != "NoSuchKey" && code != "NoSuchBucket" && code != "InvalidManifest") throw;
        return std::nullopt;
    }
}

images::BundleManifest BundleJobs::store(const images::Operation& operation, const Work& work,
                                         Running& running) {
    if (auto stored = find_stored(work)) return *std::move(stored);
    const Region& region = use_.regions.get(work.task.region);
    const std::stop_token stop = running.stop.get_token();
    remove_stored_bundle(use_.database, store_, work.bundle(), {.operation = operation.id});
    Rollback raw;
    raw.add([&] { remove_file(work.raw_file); });
    set_state(work.task.id, BundleTaskState::bundling);
    flatten(use_, region, work.layer.value(), work.raw_file, stop);
    images::check_not_canceled(stop, work.task.id.str());
    check_root_size(work);  // the root may have grown since the request
    check_store_space(use_, {work.raw_file});
    set_state(work.task.id, BundleTaskState::storing);
    const auto tell = [&](const images::Progress& progress) {
        constexpr std::uint64_t whole = 100;
        running.percent = static_cast<int>(progress.done.value * whole / progress.total.value);
    };
    return images::write_bundle(store_, work.bundle(), work.raw_file, work.description, tell, stop);
}

void BundleJobs::set_state(const images::BundleTaskId& task, BundleTaskState state) const {
    use_.database.write([&](Session& session) {
        auto changed = images::find_bundle_task(session, task);
        if (!changed || changed->state == BundleTaskState::cancelling) return;
        changed->state = state;
        changed->updated = use_.clock.now();
        images::update_bundle_task(session, *changed);
    });
}

void BundleJobs::publish(const images::Operation& operation, const Work& work,
                         const images::BundleManifest& manifest) const {
    const std::string location = to_text(images::manifest_of(work.bundle()));
    const bool canceled = use_.database.write([&](Session& session) {
        auto task = images::find_bundle_task(session, work.task.id);
        if (!task || task->state == BundleTaskState::cancelling) return true;
        task->state = BundleTaskState::complete;
        task->updated = use_.clock.now();
        images::update_bundle_task(session, *task);
        images::meter_bundle_start(session,
                                   {.location = location,
                                    .owner = task->owner,
                                    .region = task->region,
                                    .size = manifest.bundled_size},
                                   task->updated);
        images::delete_operation(session, operation.id);
        return false;
    });
    if (canceled) return;  // cancel() has added a job, which removes it
    clean_up(work);
}

void BundleJobs::give_up(const images::Operation& operation, const Work& work,
                         const std::string& code, const std::string& cause) const {
    // One whose last byte was stored before it was canceled, too.
    remove_stored_bundle(use_.database, store_, work.bundle(), {.operation = operation.id});
    remove_file(work.raw_file);
    use_.database.write([&](Session& session) {
        auto task = images::find_bundle_task(session, work.task.id);
        if (task) {
            task->state = BundleTaskState::failed;
            task->error_code = code;
            task->error_message = cause;
            task->updated = use_.clock.now();
            images::update_bundle_task(session, *task);
        }
        images::delete_operation(session, operation.id);
    });
    clean_up(work);
}

/// What the task had pinned alone.
void BundleJobs::clean_up(const Work& work) const {
    remove_file(work.raw_file);
    images::collect_layers(use_.database, use_.regions.get(work.task.region).pool,
                           work.task.region);
}

}  // namespace kiln::launcher
