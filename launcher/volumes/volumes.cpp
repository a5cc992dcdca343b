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
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/volumes/volume_refusals.hpp"

namespace kiln::launcher {

namespace {

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
