#include "launcher/implementation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/region.hpp"
#include "images/layers/collection.hpp"
#include "launcher/paravirtual/pv_plan.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainEventKind;
using images::Instance;
using images::InstanceState;

constexpr std::size_t job_threads = 32;
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

}  // namespace

Launcher::Implementation::Implementation(Dependencies dependencies)
    : dependencies_(std::move(dependencies)),
      status_(dependencies_.clock),
      types_(dependencies_.settings.instance_types),
      profiles_(dependencies_.settings),
      files_(dependencies_.settings.state_directory / "instances"),
      users_(dependencies_.database, dependencies_.settings, dependencies_.regions,
             dependencies_.accelerators.use_kvm()),
      networks_({.database = dependencies_.database,
                 .clock = dependencies_.clock,
                 .settings = dependencies_.settings,
                 .regions = dependencies_.regions}),
      planner_{.database = dependencies_.database,
               .settings = dependencies_.settings,
               .regions = dependencies_.regions,
               .networks = networks_,
               .files = files_,
               .users = users_,
               .types = types_,
               .profiles = profiles_,
               .catalog_id = dependencies_.catalog_id,
               .accelerators = dependencies_.accelerators},
      saved_appliances_({.database = dependencies_.database,
                         .users = users_,
                         .pause = pause_,
                         .directory = dependencies_.settings.state_directory / "appliances",
                         .free_space_reserve = dependencies_.settings.free_space_reserve}),
      appliances_({.database = dependencies_.database,
                   .clock = dependencies_.clock,
                   .regions = dependencies_.regions,
                   .planner = planner_,
                   .users = users_,
                   .saved = saved_appliances_}),
      executor_(job_threads),
      watch_({.database = dependencies_.database,
              .regions = dependencies_.regions,
              .appliances = appliances_,
              .status = status_,
              .executor = executor_}),
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
            .appliances = appliances_,
            .status = status_,
            .watch = watch_,
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

void Launcher::Implementation::add_job(const InstanceId& id, std::function<void()> job) {
    executor_.add(id.str(), std::move(job));
}

void Launcher::Implementation::add_launch(const Instance& instance) {
    const InstanceId id = instance.id;
    if (instance.root_device_type == images::DeviceType::ebs) {
        add_boot(instance, [this, id] { lifecycle_.launch(id); });
        return;
    }
    // Its image is unpacked once, while the others wait.
    executor_.add_for_all({ImageUnpacker::lane_of(instance.image), id.str()},
                          [this, instance] { prepare_launch(instance); });
}

/// A paravirtual guest's appliance is made once, while others wait without a thread.
void Launcher::Implementation::add_boot(const Instance& instance, std::function<void()> job) {
    const auto lane = lane_to_prepare(instance);
    if (!lane) return add_job(instance.id, std::move(job));
    executor_.add_for_all({*lane, instance.id.str()}, [this, instance, job = std::move(job)] {
        try {
            appliances_.prepare(instance);
        } catch (const std::exception& error) {
            pause_.wait_or_throw(std::chrono::milliseconds(0));
            log::error("{} has no appliance: {}", instance.id.str(), error.what());
        }
        add_job(instance.id, job);  // which says why it fails
    });
}

std::optional<std::string> Launcher::Implementation::lane_to_prepare(
    const Instance& instance) const {
    if (!is_paravirtual(instance)) return std::nullopt;
    try {
        return appliances_.lane_to_prepare(instance);
    } catch (const std::exception&) {
        return std::nullopt;  // the job itself finds out, and says why
    }
}

void Launcher::Implementation::prepare_launch(const Instance& instance) {
    const InstanceId id = instance.id;
    try {
        unpacker_.prepare(id);
        add_boot(instance, [this, id] { lifecycle_.launch(id); });
    } catch (const std::exception& error) {
        pause_.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        lifecycle_.fail_launch(id, error.what());
    }
}

void Launcher::Implementation::add_start(const InstanceId& id) {
    const auto described = load_instance(database(), id);
    if (described) add_boot(described->instance, [this, id] { lifecycle_.start(id); });
}

void Launcher::Implementation::resume_bundling(const images::Operation& operation,
                                               const std::string& failure) {
    const bool is_captured = database().read([&](Session& session) {
        return !images::operation_is_open(session, parse_bundling(operation.payload).capturing);
    });
    if (is_captured) bundles_.add(operation, failure);  // else the capture's end does
}

std::optional<InstanceId> Launcher::Implementation::instance_of(const std::string& domain) {
    try {
        return InstanceId(domain);
    } catch (const Error&) {
        return std::nullopt;
    }
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
            watch_.add_agent_check(id);
            return;
        case DomainEventKind::agent_disconnected:
            status_.agent_lost(id);
            return;
        case DomainEventKind::rebooted:
            watch_.forget_reboot(id);
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

Bytes Launcher::Implementation::free_memory(Session& session, const HostMemory& memory) const {
    Bytes used = dependencies_.settings.memory_reserve;
    std::set<std::string> regions;  // that share the host
    for (const images::Region& region : images::list_regions(session)) {
        if (region.libvirt_uri == memory.libvirt_uri) regions.insert(region.name);
    }
    for (const Instance& instance : images::unfinished_instances(session)) {
        if (!regions.contains(instance.region) || !uses_memory(instance)) continue;
        // A type may have left the configuration since.
        if (const InstanceType* type = types_.find(instance.instance_type))
            used = used + memory_of_machine(*type, instance.virtualization_type);
    }
    return {memory.total.value > used.value ? memory.total.value - used.value : 0};
}

int Launcher::Implementation::fitting_count(Session& session, const HostMemory& memory,
                                            const Machine& machine, int wanted, int least) {
    const Bytes needed = memory_of_machine(machine.type, machine.virtualization_type);
    const Bytes total = memory.total;
    const Bytes left = free_memory(session, memory);
    const int fitting = static_cast<int>(
        std::min<std::uint64_t>(left.value / needed.value, static_cast<std::uint64_t>(wanted)));
    if (fitting >= least) return fitting;
    throw Error(
        error_code::insufficient_instance_capacity, machine.type.name,
        fmt::format("There is not enough memory for {} of type {}: each needs {} MiB, and of "
                    "the host's {} MiB {} MiB are left. Stop or terminate instances, or "
                    "choose a smaller type.",
                    least, machine.type.name, needed.in_mebibytes(), total.in_mebibytes(),
                    left.in_mebibytes()));
}

hypervisor::DiskBus Launcher::Implementation::disk_bus_of(const InstanceId& id) {
    const auto instance =
        database().read([&](Session& session) { return images::find_instance(session, id); });
    return instance ? profiles_.of(kind_of(*instance)).disk_bus : hypervisor::DiskBus::virtio;
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
        add_start(id);
    } else if (operation.kind == operation_kind::stop) {
        add_job(id, [this, id] { lifecycle_.stop(id, false); });
    } else if (operation.kind == operation_kind::terminate) {
        add_job(id, [this, id] { lifecycle_.terminate(id); });
    } else {
        log::error("the catalog holds an operation of the unknown kind '{}'", operation.kind);
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

}  // namespace kiln::launcher
