#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/tag.hpp"
#include "images/market/product_code.hpp"
#include "images/market/subscription.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::AttachmentState;
using images::Instance;
using images::InstanceState;
using images::Volume;
using images::VolumeState;

constexpr const char* create_action = "CreateVolume";

void check_zone(const std::string& zone, const std::vector<std::string>& zones) {
    if (std::ranges::find(zones, zone) != zones.end()) return;
    throw Error("InvalidZone.NotFound", zone,
                fmt::format("The zone '{}' does not exist. Zones of this region: {}.", zone,
                            fmt::join(zones, ", ")));
}

void check_size(Bytes size) {
    if (size >= Bytes::gibibytes(1) && size <= max_volume_size) return;
    throw Error(error_code::invalid_parameter_value, "Size",
                fmt::format("a volume has 1 to {} GiB, not {}", max_volume_size.in_gibibytes(),
                            size.in_gibibytes()));
}

void check_volume_type(const std::string& type) {
    if (std::ranges::find(volume_types, type) != volume_types.end()) return;
    throw Error(error_code::invalid_parameter_value, type,
                fmt::format("Invalid volume type '{}': expecting one of {}", type,
                            fmt::join(volume_types, ", ")));
}

[[noreturn]] void refuse_state(const Volume& volume, const char* needed) {
    throw Error("IncorrectState", volume.id.str(),
                fmt::format("The volume '{}' is {}, and not {}.", volume.id.str(),
                            images::to_text(volume.state), needed));
}

[[noreturn]] void refuse_in_use(const Volume& volume) {
    throw Error(
        "VolumeInUse", volume.id.str(),
        fmt::format("The volume '{}' is attached to '{}' as {}: detach it first.", volume.id.str(),
                    volume.attachment->instance.str(), volume.attachment->device_name));
}

/// What the request says of the size, and the snapshot's where it says nothing.
Bytes size_of(const CreateVolumeRequest& request, const std::optional<images::Snapshot>& snapshot) {
    if (!request.size && !snapshot) {
        throw Error(error_code::missing_parameter, "Size",
                    "The request must contain the parameter Size or SnapshotId");
    }
    // Volumes have whole GiB, also when an image's disk is smaller.
    const Bytes size =
        request.size ? *request.size : Bytes::gibibytes(snapshot->volume_size.in_gibibytes());
    check_size(size);
    if (!snapshot || size >= snapshot->volume_size) return size;
    throw Error(
        error_code::invalid_parameter_value, "Size",
        fmt::format("The size {} GiB is smaller than the snapshot '{}', which has {} GiB",
                    size.in_gibibytes(), snapshot->id.str(), snapshot->volume_size.in_gibibytes()));
}

std::string digest_of(const CreateVolumeRequest& request) {
    nlohmann::json tags = nlohmann::json::array();
    for (const images::Tag& tag : request.tags)
        tags.push_back({tag.key, tag.value});
    return sha256_hex(nlohmann::json{request.zone, request.size.value_or(Bytes{0}).value,
                                     request.snapshot ? request.snapshot->str() : "",
                                     request.volume_type, tags,
                                     request.encryption.encrypted.value_or(false)}
                          .dump());
}

/// A volume is encrypted as its snapshot is, or by wish.
std::optional<std::string> key_of(const CreateVolumeRequest& request,
                                  const std::optional<images::Snapshot>& snapshot,
                                  const std::optional<std::string>& own_key,
                                  const images::Caller& caller) {
    const auto& wanted = request.encryption.encrypted;
    if (!snapshot || !snapshot->key_id)
        return wanted.value_or(false) ? needed_key(own_key, caller) : std::nullopt;
    if (wanted.value_or(true)) return snapshot->key_id;
    throw Error(error_code::invalid_parameter_value, "Encrypted",
                fmt::format("The snapshot '{}' is encrypted, and so is every volume made of it: "
                            "leave Encrypted out.",
                            snapshot->id.str()));
}

bool needs_own_key(Database& database, const images::Caller& caller,
                   const CreateVolumeRequest& request) {
    if (!request.encryption.encrypted.value_or(false)) return false;
    if (!request.snapshot) return true;
    try {
        return database.read([&](Session& session) {
            return !images::get_usable_snapshot(session, caller.scope(), *request.snapshot).key_id;
        });
    } catch (const Error&) {
        return false;  // the request's transaction says so, unless it was done before
    }
}

Volume insert_new_volume(Session& session, const images::Caller& caller,
                         const CreateVolumeRequest& request,
                         const std::optional<std::string>& own_key, Time now) {
    std::optional<images::Snapshot> snapshot;
    if (request.snapshot) {
        snapshot = images::get_usable_snapshot(session, caller.scope(), *request.snapshot);
    }
    Volume volume{.id = VolumeId::generate(),
                  .owner = caller.account,
                  .region = caller.region,
                  .zone = request.zone,
                  .layer = LayerId::generate(),
                  .snapshot = request.snapshot,
                  .state = VolumeState::creating,
                  .size = size_of(request, snapshot),
                  .volume_type = request.volume_type,
                  .created = now,
                  .key_id = key_of(request, snapshot, own_key, caller)};
    if (snapshot) images::inherit_product_codes(session, snapshot->id.str(), volume.id.str());
    const bool is_overlay = snapshot && snapshot->key_id == volume.key_id;
    insert_creating_volume(session, volume, is_overlay ? snapshot->layer : std::nullopt);
    images::set_tags(session, caller.scope(), volume.id.str(), request.tags);
    const auto operation = volume_operation(operation_kind::create_volume, volume, now);
    images::insert_operation(session, operation);
    if (snapshot && !is_overlay)
        images::pin_layer(session, operation.id, volume.region, snapshot->layer.value());
    return volume;
}

void check_attachable(const Volume& volume) {
    if (volume.state == VolumeState::in_use) refuse_in_use(volume);
    if (volume.state != VolumeState::available) refuse_state(volume, "available");
}

void check_takes_volumes(const Instance& instance) {
    if (instance.state == InstanceState::running || instance.state == InstanceState::stopped)
        return;
    throw Error("IncorrectState", instance.id.str(),
                fmt::format("Instance '{}' is not 'running' or 'stopped': it is {}.",
                            instance.id.str(), images::to_text(instance.state)));
}

void check_device(Session& session, const Instance& instance, const std::string& device) {
    if (!is_device_name(device)) {
        throw Error(error_code::invalid_parameter_value, device,
                    fmt::format("Value ({}) for parameter device is invalid. {} is not a valid EBS "
                                "device name: expecting one like /dev/sdf.",
                                device, device));
    }
    const auto volumes = images::volumes_of_instance(session, instance.id);
    for (const Volume& other : volumes) {
        if (other.attachment->device_name != device) continue;
        throw Error("InvalidDevice.InUse", device,
                    fmt::format("Invalid value '{}' for unixDevice. Attachment point {} is already "
                                "in use by '{}'.",
                                device, device, other.id.str()));
    }
    if (volumes.size() < max_disks) return;
    throw Error("AttachmentLimitExceeded", instance.id.str(),
                fmt::format("The instance '{}' has {} volumes, which is as many as it can.",
                            instance.id.str(), volumes.size()));
}

/// A guest boots with a few slots for disks that come later. `free_slots` of them were free.
void check_slots(Session& session, const Instance& instance,
                 const std::optional<std::size_t>& free_slots) {
    if (instance.state != InstanceState::running || !free_slots) return;
    const auto volumes = images::volumes_of_instance(session, instance.id);
    const auto on_their_way = std::ranges::count_if(volumes, [](const Volume& volume) {
        return volume.attachment->state == AttachmentState::attaching;
    });
    if (static_cast<std::size_t>(on_their_way) < *free_slots) return;
    throw Error("AttachmentLimitExceeded", instance.id.str(),
                fmt::format("The instance '{}' has no slot left for another volume while it runs: "
                            "stop it, attach the volume, and start it.",
                            instance.id.str()));
}

/// An instance boots in its own zone, and EC2's clients rely on the refusal.
void check_zones(const Volume& volume, const Instance& instance) {
    if (volume.zone == instance.zone) return;
    throw Error("InvalidVolume.ZoneMismatch", volume.id.str(),
                fmt::format("The volume '{}' is in the zone '{}', and the instance '{}' in '{}'.",
                            volume.id.str(), volume.zone, instance.id.str(), instance.zone));
}

void check_attachment(const Volume& volume, const DetachVolumeRequest& request) {
    if (!volume.attachment) refuse_state(volume, "in-use");
    const bool other_instance =
        request.instance && *request.instance != volume.attachment->instance;
    const bool other_device =
        request.device_name && *request.device_name != volume.attachment->device_name;
    if (!other_instance && !other_device) return;
    throw Error("InvalidAttachment.NotFound", volume.id.str(),
                fmt::format("The volume '{}' is attached to '{}' as {}.", volume.id.str(),
                            volume.attachment->instance.str(), volume.attachment->device_name));
}

/// The instance gets those of the volume, while it does not run and its owner pays for them.
void take_product_codes(Session& session, const Volume& volume, const Instance& instance) {
    const auto codes = images::product_codes_of(session, volume.id.str());
    if (codes.empty()) return;
    if (instance.state != InstanceState::stopped) {
        throw Error(error_code::incorrect_instance_state, instance.id.str(),
                    fmt::format("Unable to attach volume '{}' with Marketplace codes to instance "
                                "'{}' as the instance is not in the 'stopped' state.",
                                volume.id.str(), instance.id.str()));
    }
    images::check_subscribed(session, volume.owner, codes);
    images::add_product_codes(session, instance.id.str(), codes);
}

void check_product_codes_stay(Session& session, const Volume& volume) {
    if (images::product_codes_of(session, volume.id.str()).empty()) return;
    const Instance instance = images::find_instance(session, volume.attachment->instance).value();
    if (instance.state == InstanceState::stopped) return;
    throw Error(error_code::incorrect_instance_state, volume.id.str(),
                fmt::format("Unable to detach volume '{}' with Marketplace codes from instance "
                            "'{}' as the instance is not in the 'stopped' state.",
                            volume.id.str(), instance.id.str()));
}

void check_detachable(Session& session, const Volume& volume) {
    const Instance instance = images::find_instance(session, volume.attachment->instance).value();
    if (volume.attachment->device_name == instance.root_device_name &&
        instance.state != InstanceState::stopped) {
        throw Error("OperationNotPermitted", volume.id.str(),
                    fmt::format("Unable to detach root volume '{}' from instance '{}': stop the "
                                "instance first.",
                                volume.id.str(), instance.id.str()));
    }
    if (volume.attachment->state == AttachmentState::attached) return;
    throw Error("IncorrectState", volume.id.str(),
                fmt::format("The volume '{}' is {}.", volume.id.str(),
                            images::to_text(volume.attachment->state)));
}

void check_modification(Session& session, const Volume& volume,
                        const ModifyVolumeRequest& request) {
    if (volume.state != VolumeState::available && volume.state != VolumeState::in_use) {
        refuse_state(volume, "available or in-use");
    }
    const auto last = images::find_volume_modification(session, volume.id);
    if (last && last->state == images::ModificationState::modifying) {
        throw Error("IncorrectModificationState", volume.id.str(),
                    fmt::format("The volume '{}' is being modified: wait until "
                                "describe-volumes-modifications says completed.",
                                volume.id.str()));
    }
    if (!request.size || *request.size >= volume.size) return;
    throw Error(error_code::invalid_parameter_value, "Size",
                fmt::format("New size cannot be smaller than existing size: '{}' has {} GiB.",
                            volume.id.str(), volume.size.in_gibibytes()));
}

}  // namespace

Volume Launcher::create_volume(const images::Caller& caller, const CreateVolumeRequest& request) {
    Implementation& use = *implementation_;
    check_zone(request.zone, use.region_of(caller).zones);
    check_volume_type(request.volume_type);
    check_client_token(request.client_token);
    check_encryption(use.database(), caller, request.encryption);
    use.check_pool_space(caller.region);
    const std::string digest = digest_of(request);
    std::optional<std::string> own_key;
    if (needs_own_key(use.database(), caller, request))
        own_key = account_key(use.database(), use.region_of(caller), caller, use.now());
    const auto reading = use.region_of(caller).chains->read();  // until what is copied is pinned
    bool is_new = true;
    Volume volume = use.database().write([&](Session& session) {
        if (!request.client_token.empty()) {
            const auto earlier = images::find_client_token(session, caller.scope(), create_action,
                                                           request.client_token, digest);
            is_new = !earlier;
            if (earlier) {
                return images::get_volume(session, caller.scope(), VolumeId(earlier->resource_id));
            }
        }
        Volume made = insert_new_volume(session, caller, request, own_key, use.now());
        if (!request.client_token.empty()) {
            images::insert_client_token(session, caller.scope(),
                                        {.action = create_action,
                                         .token = request.client_token,
                                         .parameters_digest = digest,
                                         .resource_id = made.id.str(),
                                         .created = made.created});
        }
        caller.stop_if_dry_run();
        return made;
    });
    if (is_new) use.volume_jobs().add(operation_kind::create_volume, volume.id);
    return volume;
}

Volume Launcher::attach_volume(const images::Caller& caller, const AttachVolumeRequest& request) {
    Implementation& use = *implementation_;
    const auto free_slots =
        use.region_of(caller).hypervisor.free_disk_slots(request.instance.str());
    Volume volume = use.database().write([&](Session& session) {
        Volume changed = images::get_volume(session, caller.scope(), request.volume);
        const Instance instance = images::get_instance(session, caller.scope(), request.instance);
        check_attachable(changed);
        check_takes_volumes(instance);
        check_zones(changed, instance);
        check_device(session, instance, request.device_name);
        check_slots(session, instance, free_slots);
        take_product_codes(session, changed, instance);
        changed.state = VolumeState::in_use;
        changed.attachment = images::VolumeAttachment{.instance = instance.id,
                                                      .device_name = request.device_name,
                                                      .state = AttachmentState::attaching,
                                                      .delete_on_termination = false,
                                                      .attached = use.now()};
        images::update_volume(session, changed, use.now());
        images::insert_operation(
            session, volume_operation(operation_kind::attach_volume, changed, use.now()));
        caller.stop_if_dry_run();
        return changed;
    });
    use.volume_jobs().add(operation_kind::attach_volume, volume.id);
    return volume;
}

Volume Launcher::detach_volume(const images::Caller& caller, const DetachVolumeRequest& request) {
    Implementation& use = *implementation_;
    Volume volume = use.database().write([&](Session& session) {
        Volume changed = images::get_volume(session, caller.scope(), request.volume);
        check_attachment(changed, request);
        const bool again = changed.attachment->state == AttachmentState::detaching;
        if (again && request.force) return changed;
        check_detachable(session, changed);
        check_product_codes_stay(session, changed);
        changed.attachment->state = AttachmentState::detaching;
        images::update_volume(session, changed, use.now());
        images::insert_operation(
            session, volume_operation(operation_kind::detach_volume, changed, use.now()));
        caller.stop_if_dry_run();
        return changed;
    });
    use.volume_jobs().add(operation_kind::detach_volume, volume.id);
    return volume;
}

images::VolumeModification Launcher::modify_volume(const images::Caller& caller,
                                                   const ModifyVolumeRequest& request) {
    Implementation& use = *implementation_;
    if (request.size) check_size(*request.size);
    if (request.volume_type) check_volume_type(*request.volume_type);
    if (!request.size && !request.volume_type) {
        throw Error(error_code::missing_parameter, "Size",
                    "The request must contain the parameter Size or VolumeType");
    }
    auto modification = use.database().write([&](Session& session) {
        const Volume volume = images::get_volume(session, caller.scope(), request.volume);
        check_modification(session, volume, request);
        images::VolumeModification made{
            .volume = volume.id,
            .state = images::ModificationState::modifying,
            .original_size = volume.size,
            .original_type = volume.volume_type,
            .target_size = request.size.value_or(volume.size),
            .target_type = request.volume_type.value_or(volume.volume_type),
            .started = use.now()};
        if (made.target_size > volume.size) {
            images::check_volume_quota(session, volume.owner,
                                       Bytes{made.target_size.value - volume.size.value});
        }
        images::put_volume_modification(session, made);
        images::insert_operation(
            session, volume_operation(operation_kind::modify_volume, volume, use.now()));
        caller.stop_if_dry_run();
        return made;
    });
    use.volume_jobs().add(operation_kind::modify_volume, modification.volume);
    return modification;
}

void Launcher::delete_volume(const images::Caller& caller, const VolumeId& id) {
    Implementation& use = *implementation_;
    use.database().write([&](Session& session) {
        Volume volume = images::get_volume(session, caller.scope(), id);
        if (volume.attachment) refuse_in_use(volume);
        if (volume.state != VolumeState::available && volume.state != VolumeState::error) {
            refuse_state(volume, "available");
        }
        volume.state = VolumeState::deleting;
        images::update_volume(session, volume, use.now());
        images::insert_operation(
            session, volume_operation(operation_kind::delete_volume, volume, use.now()));
        caller.stop_if_dry_run();
    });
    use.volume_jobs().add(operation_kind::delete_volume, id);
}

}  // namespace kiln::launcher
