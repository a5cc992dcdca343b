#include "launcher/instances/instance_rows.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/encryption/keys.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

const images::Volume* InstanceWithVolumes::root() const {
    for (const images::Volume& volume : volumes) {
        if (volume.attachment->device_name == instance.root_device_name) return &volume;
    }
    return nullptr;
}

std::optional<InstanceWithVolumes> load_instance(Database& database, const InstanceId& id) {
    return database.read([&](Session& session) -> std::optional<InstanceWithVolumes> {
        auto instance = images::find_instance(session, id);
        if (!instance) return std::nullopt;
        return InstanceWithVolumes{.instance = std::move(*instance),
                                   .volumes = images::volumes_of_instance(session, id)};
    });
}

void change_instance(Database& database, const InstanceId& id, Time now,
                     const std::function<void(Session&, images::Instance&)>& change) {
    database.write([&](Session& session) {
        auto instance = images::find_instance(session, id);
        if (!instance) return;
        change(session, *instance);
        images::update_instance(session, *instance, now);
    });
}

images::Image pending_image_of(const images::Instance& instance, const std::string& name,
                               Time now) {
    return {.id = ImageId::generate(),
            .owner = instance.owner,
            .region = instance.region,
            .name = name,
            .state = images::ImageState::pending,
            .architecture = instance.architecture,
            .virtualization_type = instance.virtualization_type,
            .boot_mode = instance.boot_mode,
            .root_device_name = instance.root_device_name,
            .kernel_id = instance.kernel_id,
            .ramdisk_id = instance.ramdisk_id,
            .platform = instance.platform,
            .login_user = instance.login_user,
            .source_instance = instance.id,
            .source_image = instance.image,
            .created = now,
            .tpm_support = instance.tpm_support,
            .secure_boot = instance.secure_boot,
            .os_id = instance.os_id,
            .drivers = instance.drivers,
            .source_region = instance.region,
            .origin = images::ImageOrigin::capture};
}

void insert_creating_volume(Session& session, const images::Volume& volume,
                            const std::optional<LayerId>& parent) {
    images::insert_layer(session, {.id = volume.layer.value(),
                                   .region = volume.region,
                                   .parent = parent,
                                   .state = images::LayerState::creating,
                                   .virtual_size = volume.size,
                                   .created = volume.created,
                                   .key_id = volume.key_id});
    images::insert_volume(session, volume);
}

void create_layer_file(Database& database, const Region& region, const images::Volume& volume) {
    const auto layer = database.read([&](Session& session) {
        return images::find_layer(session, volume.region, volume.layer.value());
    });
    if (!layer) {
        throw Error(error_code::internal_error, volume.id.str(),
                    fmt::format("the layer of '{}' is gone", volume.id.str()));
    }
    const auto key = layer_key(region, layer->key_id);
    if (layer->parent) {
        region.pool.create_overlay(
            {.layer = layer->id, .parent = *layer->parent, .size = volume.size, .key = key});
    } else {
        region.pool.create_empty(layer->id, volume.size, key);
    }
}

images::Operation instance_operation(const std::string& kind, const images::Instance& instance,
                                     Time now, const std::string& payload) {
    return {.id = OperationId::generate(),
            .kind = kind,
            .owner = instance.owner,
            .resource_id = instance.id.str(),
            .payload = payload,
            .created = now};
}

images::Operation volume_operation(const std::string& kind, const images::Volume& volume,
                                   Time now) {
    return {.id = OperationId::generate(),
            .kind = kind,
            .owner = volume.owner,
            .resource_id = volume.id.str(),
            .payload = "{}",
            .created = now};
}

void finish_operations(Session& session, const std::string& resource_id, const std::string& kind) {
    for (const images::Operation& operation :
         images::operations_of_resource(session, resource_id)) {
        if (operation.kind == kind) images::delete_operation(session, operation.id);
    }
}

bool goes_with_its_instance(const images::Volume& volume) {
    return volume.storage == images::DeviceType::instance_store ||
           volume.attachment->delete_on_termination;
}

void delete_attached(Session& session, images::Volume volume, Time now) {
    volume.attachment.reset();
    volume.state = images::VolumeState::deleted;
    // Collection would leave a layer that is being made to its operation.
    if (volume.layer) {
        images::set_layer_state(session, volume.region, *volume.layer,
                                images::LayerState::deleting);
    }
    volume.layer.reset();
    images::delete_all_tags(session, volume.id.str());
    images::update_volume(session, volume, now);
}

void release_volumes(Session& session, const InstanceId& instance, Time now) {
    for (images::Volume volume : images::volumes_of_instance(session, instance)) {
        // One that its launch has not finished may have no file.
        if (goes_with_its_instance(volume) || volume.state == images::VolumeState::creating) {
            delete_attached(session, std::move(volume), now);
            continue;
        }
        volume.attachment.reset();
        volume.state = images::VolumeState::available;
        images::update_volume(session, volume, now);
    }
}

void renew_ephemeral_disks(Session& session, const InstanceId& instance, Time now) {
    for (images::Volume volume : images::volumes_of_instance(session, instance)) {
        if (volume.storage != images::DeviceType::instance_store) continue;
        if (volume.layer) {
            images::set_layer_state(session, volume.region, *volume.layer,
                                    images::LayerState::deleting);
        }
        volume.layer = LayerId::generate();
        images::insert_layer(session, {.id = *volume.layer,
                                       .region = volume.region,
                                       .parent = std::nullopt,
                                       .state = images::LayerState::creating,
                                       .virtual_size = volume.size,
                                       .created = now});
        images::update_volume(session, volume, now);
    }
}

std::string user_initiated(Time now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    return fmt::format("User initiated ({:%Y-%m-%d %H:%M:%S} GMT)", fmt::gmtime(seconds));
}

}  // namespace kiln::launcher
