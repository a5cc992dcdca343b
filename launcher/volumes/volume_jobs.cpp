#include "launcher/volumes/volume_jobs.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/tag.hpp"
#include "images/layers/collection.hpp"
#include "launcher/encryption/encrypted_copy.hpp"
#include "launcher/encryption/keys.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::AttachmentState;
using images::ModificationState;
using images::Volume;
using images::VolumeState;

/// Volumes that are encrypted at once, by copying all that they are to hold; the others wait. Each
/// holds a thread of the executor, and processors are few.
constexpr std::size_t encryption_slots = 2;

bool is_in(const Volume& volume, AttachmentState state) {
    return volume.attachment && volume.attachment->state == state;
}

std::optional<InstanceId> instance_of(const std::optional<Volume>& volume) {
    if (!volume || !volume->attachment) return std::nullopt;
    return volume->attachment->instance;
}

}  // namespace

VolumeJobs::Job VolumeJobs::job_of(const std::string& kind) {
    static const std::array<std::pair<std::string_view, Job>, 5> jobs{
        {{operation_kind::create_volume, &VolumeJobs::create},
         {operation_kind::attach_volume, &VolumeJobs::attach},
         {operation_kind::detach_volume, &VolumeJobs::detach},
         {operation_kind::modify_volume, &VolumeJobs::modify},
         {operation_kind::delete_volume, &VolumeJobs::remove}}};
    for (const auto& [known, job] : jobs) {
        if (known == kind) return job;
    }
    return nullptr;
}

bool VolumeJobs::knows(const std::string& kind) {
    return job_of(kind) != nullptr;
}

void VolumeJobs::add(const std::string& kind, const VolumeId& id) {
    add_job(id, job_of(kind));
}

std::optional<Volume> VolumeJobs::load(const VolumeId& id) const {
    return use_.database.read([&](Session& session) { return images::find_volume(session, id); });
}

const Region& VolumeJobs::region_of(const Volume& volume) const {
    return use_.regions.get(volume.region);
}

void VolumeJobs::add_job(const VolumeId& id, Job job) {
    const auto instance = instance_of(load(id));
    std::vector<std::string> keys{id.str()};
    if (instance) keys.push_back(instance->str());
    if (job == &VolumeJobs::create && source_of(id)) {
        keys.push_back(fmt::format("encryption slot {}", next_slot_++ % encryption_slots));
    }
    use_.executor.add_for_all(std::move(keys), [this, id, job, instance] {
        const auto volume = load(id);
        if (instance_of(volume) != instance) {
            add_job(id, job);  // attached or detached meanwhile: it stands in the wrong lanes
        } else if (volume) {
            (this->*job)(*volume);
        } else {
            forget_operations(id);  // it was deleted with its instance
        }
    });
}

void VolumeJobs::forget_operations(const VolumeId& id) {
    use_.database.write([&](Session& session) {
        for (const images::Operation& operation :
             images::operations_of_resource(session, id.str())) {
            images::delete_operation(session, operation.id);
        }
    });
}

void VolumeJobs::finish(const VolumeId& id, const char* kind,
                        const std::function<void(Session&, Volume&)>& change) {
    use_.database.write([&](Session& session) {
        finish_operations(session, id.str(), kind);
        auto volume = images::find_volume(session, id);
        if (!volume) return;
        change(session, *volume);
        images::update_volume(session, *volume, use_.clock.now());
    });
}

/// The layer that the new volume is to hold a copy of, since its own layer does not stand on it:
/// the one that its operation pins.
std::optional<LayerId> VolumeJobs::source_of(const VolumeId& id) const {
    return use_.database.read([&](Session& session) -> std::optional<LayerId> {
        for (const images::Operation& operation :
             images::operations_of_resource(session, id.str())) {
            if (operation.kind != operation_kind::create_volume) continue;
            const auto pinned = images::pinned_layers(session, operation.id);
            if (!pinned.empty()) return pinned.front();
        }
        return std::nullopt;
    });
}

void VolumeJobs::make_file(const Volume& volume) const {
    const Region& region = region_of(volume);
    const auto source = source_of(volume.id);
    if (!source) {
        const auto reading = region.chains->read();
        return create_layer_file(use_.database, region, volume);
    }
    make_encrypted_copy(use_.database,
                        {.source = region,
                         .from = *source,
                         .target = region,
                         .layer = volume.layer.value(),
                         .size = volume.size,
                         .key_id = volume.key_id.value()},
                        use_.free_space_reserve, use_.pause.token());
}

void VolumeJobs::create(const Volume& volume) {
    constexpr const char* kind = operation_kind::create_volume;
    try {
        if (volume.state == VolumeState::creating) make_file(volume);
        finish(volume.id, kind, [](Session& session, Volume& changed) {
            if (changed.state != VolumeState::creating) return;
            images::set_layer_state(session, changed.region, changed.layer.value(),
                                    images::LayerState::live);
            changed.state = VolumeState::available;
        });
    } catch (const std::exception& error) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        const auto* known = dynamic_cast<const Error*>(&error);
        if (known != nullptr && known->code() == error_code::unavailable) throw;  // tried again
        log::error("cannot make the volume {}: {}", volume.id.str(), error.what());
        finish(volume.id, kind, [](Session& session, Volume& changed) {
            if (changed.state != VolumeState::creating) return;
            if (changed.layer) {
                images::set_layer_state(session, changed.region, *changed.layer,
                                        images::LayerState::deleting);
            }
            changed.layer.reset();
            changed.state = VolumeState::error;
        });
    }
    // What it was read from may have been deleted meanwhile.
    images::collect_layers(use_.database, region_of(volume).pool, volume.region);
}

void VolumeJobs::give_to_guest(const Volume& volume) {
    const std::string name = volume.attachment->instance.str();
    hypervisor::Hypervisor& hypervisor = region_of(volume).hypervisor;
    // Without a domain it will boot with it.
    if (hypervisor.domain_state(name) == DomainState::absent || guest_has(hypervisor, volume))
        return;
    const auto reading = region_of(volume).chains->read();
    const hypervisor::DiskSpec disk = use_.planner.disk(volume);
    use_.users.open_layers(region_of(volume), volume.owner, {&disk, 1});
    hypervisor.attach_disk(name, disk);
}

void VolumeJobs::attach(const Volume& volume) {
    constexpr const char* kind = operation_kind::attach_volume;
    if (!is_in(volume, AttachmentState::attaching)) {
        end_stale(volume.id, kind, AttachmentState::attaching);
        return;
    }
    try {
        give_to_guest(volume);
    } catch (const Error& error) {
        if (error.code() == error_code::unavailable ||
            guest_has(region_of(volume).hypervisor, volume))
            throw;  // tried again
        log::error("cannot attach {} to {}: {}", volume.id.str(), volume.attachment->instance.str(),
                   error.what());
        finish(volume.id, kind, [](Session&, Volume& changed) {
            changed.attachment.reset();
            changed.state = VolumeState::available;
        });
        use_.users.note_change();
        return;
    }
    finish(volume.id, kind, [](Session&, Volume& changed) {
        changed.attachment->state = AttachmentState::attached;
    });
}

void VolumeJobs::detach(const Volume& volume) {
    constexpr const char* kind = operation_kind::detach_volume;
    if (!is_in(volume, AttachmentState::detaching)) {
        end_stale(volume.id, kind, AttachmentState::detaching);
        return;
    }
    const InstanceId& instance = volume.attachment->instance;
    hypervisor::Hypervisor& hypervisor = region_of(volume).hypervisor;
    if (guest_has(hypervisor, volume)) {
        puller_.end_pull(volume);
        if (!hypervisor.detach_disk(instance.str(), serial_of(volume.id))) {
            log::info("{} has not let {} go yet", instance.str(), volume.id.str());
            return;
        }
    }
    finish(volume.id, kind, [](Session&, Volume& changed) {
        changed.attachment.reset();
        changed.state = VolumeState::available;
    });
    use_.users.note_change();
}

/// A job that was added twice, or whose instance was terminated: its operation has nothing to do
/// any more, unless a new request has put the volume into the job's state since.
void VolumeJobs::end_stale(const VolumeId& id, const char* kind, AttachmentState own) {
    use_.database.write([&](Session& session) {
        const auto volume = images::find_volume(session, id);
        if (volume && is_in(*volume, own)) return;
        finish_operations(session, id.str(), kind);
    });
}

void VolumeJobs::grow(const Volume& volume, Bytes size) {
    const Region& region = region_of(volume);
    if (guest_has(region.hypervisor, volume)) {
        puller_.end_pull(volume);
        region.hypervisor.resize_disk(volume.attachment->instance.str(), serial_of(volume.id),
                                      size);
    } else {
        const auto reading = region.chains->read();
        region.pool.grow(volume.layer.value(), size, layer_key(region, volume.key_id));
    }
}

void VolumeJobs::modify(const Volume& volume) {
    auto modification = use_.database.read(
        [&](Session& session) { return images::find_volume_modification(session, volume.id); });
    // Another job was quicker, and has ended the operation.
    if (!modification || modification->state != ModificationState::modifying) return;
    try {
        if (modification->target_size > volume.size) grow(volume, modification->target_size);
        modification->state = ModificationState::completed;
    } catch (const Error& error) {
        if (error.code() == error_code::unavailable) throw;  // it is tried again
        log::error("cannot modify {}: {}", volume.id.str(), error.what());
        modification->state = ModificationState::failed;
        modification->status_message = error.what();
    }
    modification->ended = use_.clock.now();
    finish(volume.id, operation_kind::modify_volume, [&](Session& session, Volume& changed) {
        images::put_volume_modification(session, *modification);
        if (modification->state != ModificationState::completed) return;
        images::set_layer_size(session, changed.region, changed.layer.value(),
                               modification->target_size);
        changed.size = modification->target_size;
        changed.volume_type = modification->target_type;
    });
}

void VolumeJobs::remove(const Volume& volume) {
    finish(volume.id, operation_kind::delete_volume, [](Session& session, Volume& changed) {
        if (changed.state != VolumeState::deleting) return;
        changed.layer.reset();
        changed.state = VolumeState::deleted;
        images::delete_all_tags(session, changed.id.str());
    });
    images::collect_layers(use_.database, region_of(volume).pool, volume.region);
}

}  // namespace kiln::launcher
