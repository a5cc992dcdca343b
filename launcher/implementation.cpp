#include "launcher/implementation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/boot.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "images/catalog/region.hpp"
#include "images/layers/collection.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainEventKind;
using hypervisor::DomainState;
using images::Instance;
using images::InstanceState;

constexpr std::size_t job_threads = 32;
constexpr std::chrono::seconds housekeeping_interval{1};
constexpr int settle_every_ticks = 15;
constexpr int forget_every_ticks = 600;
constexpr std::chrono::hours terminated_instances_are_kept{1};
constexpr std::chrono::hours bundle_tasks_are_kept{24};
constexpr std::chrono::hours store_tasks_are_kept{31 * 24};  // EC2's
/// What an empty overlay with its share of metadata may take at once.
constexpr Bytes new_layer_size = Bytes::mebibytes(4);

bool uses_memory(const Instance& instance) {
    return instance.state != InstanceState::stopped && instance.state != InstanceState::terminated;
}

bool is_capture(const images::Operation& operation) {
    return operation.kind == operation_kind::create_image ||
           operation.kind == operation_kind::create_snapshot;
}

bool is_copy(const images::Operation& operation) {
    return operation.kind == operation_kind::copy_image ||
           operation.kind == operation_kind::copy_snapshot;
}

/// nullopt for the domains of others.
std::optional<InstanceId> instance_of(const std::string& domain) {
    try {
        return InstanceId(domain);
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

Launcher::Implementation::Implementation(Dependencies dependencies)
    : dependencies_(std::move(dependencies)),
      status_(dependencies_.clock),
      files_(dependencies_.settings.state_directory / "instances"),
      users_(dependencies_.database, dependencies_.settings, dependencies_.regions,
             dependencies_.accelerator),
      networks_({.database = dependencies_.database,
                 .clock = dependencies_.clock,
                 .settings = dependencies_.settings,
                 .regions = dependencies_.regions}),
      planner_{.database = dependencies_.database,
               .regions = dependencies_.regions,
               .networks = networks_,
               .files = files_,
               .users = users_,
               .catalog_id = dependencies_.catalog_id,
               .accelerator = dependencies_.accelerator},
      executor_(job_threads),
      lifecycle_(jobs_dependencies()),
      puller_(jobs_dependencies()),
      capture_(jobs_dependencies(), lifecycle_, puller_),
      volume_jobs_(jobs_dependencies(), puller_),
      copies_(jobs_dependencies()),
      bundles_(jobs_dependencies(), dependencies_.store),
      unpacker_(jobs_dependencies(), dependencies_.store),
      conversion_(jobs_dependencies(), dependencies_.store, unpacker_),
      stored_images_(jobs_dependencies(), dependencies_.store),
      merger_(jobs_dependencies()) {
    dependencies_.regions.set_event_listener(
        [this](const hypervisor::DomainEvent& event) { on_event(event); });
    capture_.set_kept_listener([this](const OperationId& keeper, const std::string& failure) {
        for (const images::Operation& operation : database().read(images::open_operations)) {
            if (operation.id == keeper) resume_bundling(operation, failure);
        }
    });
}

InstanceLifecycle::Dependencies Launcher::Implementation::jobs_dependencies() {
    return {.database = dependencies_.database,
            .clock = dependencies_.clock,
            .regions = dependencies_.regions,
            .files = files_,
            .planner = planner_,
            .networks = networks_,
            .users = users_,
            .status = status_,
            .executor = executor_,
            .pause = pause_,
            .free_space_reserve = dependencies_.settings.free_space_reserve,
            .object_directory = dependencies_.settings.state_directory};
}

Launcher::Implementation::~Implementation() {
    dependencies_.regions.set_recovery(nullptr);
    dependencies_.regions.set_event_listener(nullptr);
    pause_.stop();
    if (housekeeper_.joinable()) housekeeper_.join();
    executor_.stop();
}

void Launcher::Implementation::recover_chains(const Region& region) {
    const auto volumes = database().read(
        [&](Session& session) { return images::all_volumes(session, region.name); });
    for (const images::Volume& volume : volumes) {
        // One that is being made may have no file yet.
        if (!volume.layer || !region.pool.exists(*volume.layer)) continue;
        try {
            puller_.learn_parent(volume);
        } catch (const Error& error) {
            log::error("cannot tell what {} stands on: {}", volume.id.str(), error.what());
        }
    }
    images::reconcile_pool(database(), region.pool, region.name);
    users_.recover(region);
}

void Launcher::Implementation::collect_layers(const std::string& region) {
    images::collect_layers(database(), dependencies_.regions.get(region).pool, region);
}

void Launcher::Implementation::start_housekeeping(std::function<void()> settle_more) {
    settle_more_ = std::move(settle_more);
    housekeeper_ = std::thread([this] { keep_house(); });
}

void Launcher::Implementation::add_job(const InstanceId& id, std::function<void()> job) {
    executor_.add(id.str(), std::move(job));
}

void Launcher::Implementation::add_launch(const Instance& instance) {
    const InstanceId id = instance.id;
    if (instance.root_device_type == images::DeviceType::ebs) {
        add_job(id, [this, id] { lifecycle_.launch(id); });
        return;
    }
    // Its image is unpacked once, while the others wait.
    executor_.add_for_all({ImageUnpacker::lane_of(instance.image), id.str()},
                          [this, id] { prepare_launch(id); });
}

void Launcher::Implementation::prepare_launch(const InstanceId& id) {
    try {
        unpacker_.prepare(id);
        add_job(id, [this, id] { lifecycle_.launch(id); });
    } catch (const std::exception& error) {
        pause_.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        lifecycle_.fail_launch(id, error.what());
    }
}

void Launcher::Implementation::resume_bundling(const images::Operation& operation,
                                               const std::string& failure) {
    const bool is_captured = database().read([&](Session& session) {
        return !images::operation_is_open(session, parse_bundling(operation.payload).capturing);
    });
    if (is_captured) bundles_.add(operation, failure);  // else the capture's end does
}

void Launcher::Implementation::on_event(const hypervisor::DomainEvent& event) {
    const auto instance = instance_of(event.domain);
    if (!instance) return;
    const InstanceId& id = *instance;
    switch (event.kind) {
        case DomainEventKind::stopped:
            add_job(id, [this, id, detail = event.detail] {
                lifecycle_.settle_absent_domain(id, detail);
            });
            return;
        case DomainEventKind::agent_connected:
            // In a lane of its own: an instance's jobs must not wait for its agent.
            executor_.add("agent of " + id.str(), [this, id] { lifecycle_.check_agent(id); });
            return;
        case DomainEventKind::agent_disconnected:
            status_.agent_lost(id);
            return;
        case DomainEventKind::rebooted:
            lifecycle_.forget_reboot(id);
            return;
        case DomainEventKind::io_error:
            // QEMU tells of each request that failed.
            if (!status_.is_paused_by_io_error(id)) {
                log::warn("{} is paused by an I/O error: {}", id.str(), event.detail);
            }
            status_.io_failed(id);
            return;
    }
}

std::vector<Instance> Launcher::Implementation::get_instances(Session& session,
                                                              const images::Caller& caller,
                                                              const std::vector<InstanceId>& ids) {
    std::vector<Instance> instances;
    std::set<InstanceId> seen;
    for (const InstanceId& id : ids) {
        if (!seen.insert(id).second) continue;
        instances.push_back(images::get_instance(session, caller.scope(), id));
    }
    return instances;
}

std::vector<InstanceStateChange> Launcher::Implementation::transition(
    const images::Caller& caller, const std::vector<InstanceId>& ids,
    const Transition& transition) {
    std::vector<InstanceStateChange> changes;
    dependencies_.database.write([&](Session& session) {
        changes.clear();
        for (Instance& instance : get_instances(session, caller, ids)) {
            const InstanceState previous = instance.state;
            transition.change(session, instance);
            changes.push_back(
                {.instance = instance.id, .previous = previous, .current = instance.state});
            if (instance.state == previous) continue;
            images::update_instance(session, instance, now());
            images::insert_operation(session,
                                     instance_operation(transition.operation, instance, now()));
        }
        caller.stop_if_dry_run();
    });
    for (const InstanceStateChange& change : changes) {
        if (change.current != change.previous) transition.job(change.instance);
    }
    return changes;
}

Launcher::Implementation::HostMemory Launcher::Implementation::host_memory(
    const images::Caller& caller) const {
    const Region& region = region_of(caller);
    return {.libvirt_uri = region.libvirt_uri, .total = region.hypervisor.host_capacity().memory};
}

int Launcher::Implementation::fitting_count(Session& session, const HostMemory& memory,
                                            const std::string& instance_type, int wanted,
                                            int least) {
    const Bytes needed = get_instance_type(instance_type).memory;
    Bytes used = dependencies_.settings.memory_reserve;
    std::set<std::string> regions;  // that share the host
    for (const images::Region& region : images::list_regions(session)) {
        if (region.libvirt_uri == memory.libvirt_uri) regions.insert(region.name);
    }
    for (const Instance& instance : images::unfinished_instances(session)) {
        if (!regions.contains(instance.region) || !uses_memory(instance)) continue;
        used = used + get_instance_type(instance.instance_type).memory;
    }
    const Bytes total = memory.total;
    const Bytes left{total.value > used.value ? total.value - used.value : 0};
    const int fitting = static_cast<int>(
        std::min<std::uint64_t>(left.value / needed.value, static_cast<std::uint64_t>(wanted)));
    if (fitting >= least) return fitting;
    throw Error(
        error_code::insufficient_instance_capacity, instance_type,
        fmt::format("There is not enough memory for {} of type {}: each needs {} MiB, and of "
                    "the host's {} MiB {} MiB are left. Stop or terminate instances, or "
                    "choose a smaller type.",
                    least, instance_type, needed.in_mebibytes(), total.in_mebibytes(),
                    left.in_mebibytes()));
}

void Launcher::Implementation::check_pool_space(const std::string& region) const {
    dependencies_.regions.get(region).pool.check_space(new_layer_size,
                                                       dependencies_.settings.free_space_reserve);
}

void Launcher::Implementation::resume_operation(const images::Operation& operation) {
    if (is_capture(operation)) {
        capture_.add(operation.id, parse_capture(operation.payload));
        return;
    }
    if (is_copy(operation)) {
        copies_.add(operation.id, parse_copy(operation.payload));
        return;
    }
    if (StoredImageJobs::knows(operation.kind)) {
        stored_images_.add(operation);
        return;
    }
    if (operation.kind == operation_kind::convert_image) {
        conversion_.add(operation.id, parse_conversion(operation.payload));
        return;
    }
    if (operation.kind == operation_kind::bundle_instance) {
        resume_bundling(operation, "");
        return;
    }
    if (VolumeJobs::knows(operation.kind)) {
        volume_jobs_.add(operation.kind, VolumeId(operation.resource_id));
        return;
    }
    if (!operation.resource_id.starts_with("i-")) return;  // the builder's
    const InstanceId id(operation.resource_id);
    if (operation.kind == operation_kind::launch) {
        const auto launched = load_instance(database(), id);
        if (launched) add_launch(launched->instance);
    } else if (operation.kind == operation_kind::start) {
        add_job(id, [this, id] { lifecycle_.start(id); });
    } else if (operation.kind == operation_kind::stop) {
        add_job(id, [this, id] { lifecycle_.stop(id, false); });
    } else if (operation.kind == operation_kind::terminate) {
        add_job(id, [this, id] { lifecycle_.terminate(id); });
    } else {
        log::error("the catalog holds an operation of the unknown kind '{}'", operation.kind);
    }
}

bool Launcher::Implementation::host_was_restarted() const {
    const std::filesystem::path record = host_boot_record();
    return std::filesystem::exists(record) && read_file(record) != boot_identity();
}

void Launcher::Implementation::remember_host_boot() const {
    const std::filesystem::path record = host_boot_record();
    if (std::filesystem::exists(record) && !host_was_restarted()) return;
    write_file_atomically(record, boot_identity(), 0600);
}

std::filesystem::path Launcher::Implementation::host_boot_record() const {
    return dependencies_.settings.state_directory / "host-boot-id";
}

void Launcher::Implementation::settle_domains(const std::string& why_gone) {
    for (const InstanceId& id : compare_domains()) {
        add_job(id, [this, id, why_gone] { lifecycle_.settle_absent_domain(id, why_gone); });
    }
}

void Launcher::Implementation::settle_lost_domains() {
    std::set<InstanceId> missing = compare_domains();
    for (const InstanceId& id : missing) {
        // One that has just gone is settled by its event, which knows why.
        if (!missing_.contains(id)) continue;
        add_job(id, [this, id] { lifecycle_.settle_absent_domain(id, "lost"); });
    }
    if (missing.empty()) remember_host_boot();
    missing_ = std::move(missing);
}

std::set<InstanceId> Launcher::Implementation::compare_domains() {
    std::set<InstanceId> missing;
    const auto instances =
        database().read([](Session& session) { return images::unfinished_instances(session); });
    std::set<InstanceId> known;
    for (const Instance& instance : instances)
        known.insert(instance.id);
    for (const Region* region : dependencies_.regions.reachable()) {
        const auto domains = region->hypervisor.domains_of(dependencies_.catalog_id);
        const std::set<std::string> present(domains.begin(), domains.end());
        for (const Instance& instance : instances) {
            if (instance.region != region->name || instance.state != InstanceState::running)
                continue;
            if (present.contains(instance.id.str())) {
                look_at_guest(*region, instance);
            } else {
                missing.insert(instance.id);
            }
        }
        for (const std::string& domain : domains) {
            const auto instance = instance_of(domain);
            if (instance && known.contains(*instance)) continue;
            log::warn(
                "the domain '{}' carries this catalog's mark, but no instance of that id is "
                "alive; it is left alone (virsh destroy {} ends it)",
                domain, domain);
        }
    }
    return missing;
}

void Launcher::Implementation::look_at_guest(const Region& region, const Instance& instance) {
    if (region.hypervisor.domain_state(instance.id.str()) == DomainState::paused_by_io_error) {
        status_.io_failed(instance.id);
    } else if (status_.reachability(instance.id) != Reachability::ok) {
        executor_.add("agent of " + instance.id.str(),
                      [this, id = instance.id] { lifecycle_.check_agent(id); });
    }
}

std::optional<std::function<void()>> Launcher::Implementation::withdraw_pending(
    Session& session, const std::string& resource_id) {
    for (const images::Operation& operation :
         images::operations_of_resource(session, resource_id)) {
        if (operation.kind == operation_kind::restore_image) {
            withdraw_restoration(session, operation, now());
            return [this, operation] { stored_images_.cancel(operation); };
        }
        if (operation.kind == operation_kind::convert_image) {
            withdraw_conversion(session, operation, now());
            return [this, id = operation.id, conversion = parse_conversion(operation.payload)] {
                conversion_.cancel(id, conversion);
            };
        }
        if (!is_copy(operation)) continue;
        withdraw_copy(session, operation, now());
        return [this, id = operation.id, copy = parse_copy(operation.payload)] {
            copies_.cancel(id, copy);
        };
    }
    return std::nullopt;
}

bool Launcher::Implementation::has_job(const images::Operation& operation) {
    if (is_capture(operation)) return capture_.is_busy(parse_capture(operation.payload));
    if (is_copy(operation)) return copies_.is_busy(parse_copy(operation.payload));
    return executor_.is_busy(operation.resource_id);
}

void Launcher::Implementation::resume_dropped_jobs() {
    const auto operations =
        database().read([](Session& session) { return images::open_operations(session); });
    for (const images::Operation& operation : operations) {
        if (!has_job(operation)) resume_operation(operation);
    }
}

bool Launcher::Implementation::has_space_again(const Region& region) const {
    return free_space(region.pool.directory()) >= dependencies_.settings.free_space_reserve;
}

void Launcher::Implementation::resume_paused_guests() {
    const auto instances =
        database().read([](Session& session) { return images::unfinished_instances(session); });
    for (const Instance& instance : instances) {
        if (!status_.is_paused_by_io_error(instance.id)) continue;
        const Region& region = dependencies_.regions.get(instance.region);
        if (!has_space_again(region)) continue;
        add_job(instance.id, [this, &region, id = instance.id] {
            if (region.hypervisor.domain_state(id.str()) != DomainState::paused_by_io_error) return;
            region.hypervisor.resume(id.str());
            status_.resumed(id);
            log::info("{} goes on: its disk has space again", id.str());
        });
    }
}

void Launcher::Implementation::close_unused_layers() {
    try {
        users_.close_unused_layers();
    } catch (const std::exception& error) {
        log::warn("some layers are still open to accounts that need them no more: {}",
                  error.what());
    }
}

void Launcher::Implementation::keep_house() {
    for (int tick = 1; pause_.wait(housekeeping_interval); ++tick) {
        try {
            lifecycle_.reset_overdue_reboots();
            close_unused_layers();
            if (tick % settle_every_ticks == 0) {
                networks_.apply_all();
                resume_dropped_jobs();
                settle_lost_domains();
                settle_more_();
                resume_paused_guests();
                puller_.add_unfinished();
            }
            if (tick % forget_every_ticks == 0) {
                database().write([&](Session& session) {
                    images::forget_terminated_instances(session,
                                                        now() - terminated_instances_are_kept);
                    images::forget_bundle_tasks(session, now() - bundle_tasks_are_kept);
                    images::forget_store_image_tasks(session, now() - store_tasks_are_kept);
                });
            }
        } catch (const std::exception& error) {
            log::warn("housekeeping: {}", error.what());
        }
    }
}

}  // namespace kiln::launcher
