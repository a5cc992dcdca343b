#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/bundles/stored_image.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/store_image_task.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/catalog/usage.hpp"
#include "launcher/bundles/bundle_prefix.hpp"
#include "launcher/bundles/image_document.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::Image;
using images::ImageBlockDevice;

constexpr const char* object_suffix = ".bin";

Image get_storable_image(Session& session, const images::Caller& caller, const ImageId& id) {
    images::get_own_image(session, caller.scope(), id);
    Image image = images::get_launchable_image(session, caller.scope(), id);
    refuse_product_codes(session, id.str());
    if (image.root_device_type == images::DeviceType::ebs) return image;
    throw Error(error_code::invalid_parameter_value, id.str(),
                fmt::format("The image '{}' is an instance-store image, which is in a bucket "
                            "already: only EBS-backed images are stored.",
                            id.str()));
}

void refuse_taken(Session& session, const images::ObjectStore& store,
                  const images::StoreImageTask& task) {
    const auto earlier = images::find_store_image_task(session, task.image, task.bucket);
    bool taken = earlier && earlier->state == images::StoreTaskState::in_progress;
    try {
        taken = taken || store.size({.bucket = task.bucket, .key = task.object_key}).value > 0;
    } catch (const Error& error) {
        if (error.code() != "NoSuchKey" && error.code() != "NoSuchBucket") throw;
    }
    if (!taken) return;
    throw Error(error_code::invalid_parameter_value, task.object_key,
                fmt::format("'{}/{}' is there already, or being stored: choose another bucket, or "
                            "delete it (DeleteStoredImage).",
                            task.bucket, task.object_key));
}

std::vector<LayerId> layers_of(Session& session, const Image& image) {
    std::vector<LayerId> layers;
    for (const ImageBlockDevice& device : image.block_devices) {
        if (!device.snapshot) continue;
        const auto snapshot = images::find_snapshot(session, *device.snapshot).value();
        if (snapshot.key_id) {
            throw Error(error_code::unsupported_operation, snapshot.id.str(),
                        fmt::format("The snapshot '{}' of '{}' is encrypted, and the stored image "
                                    "would have its content in clear.",
                                    snapshot.id.str(), image.id.str()));
        }
        layers.push_back(snapshot.layer.value());
    }
    return layers;
}

std::vector<images::Tag> tags_of(Session& session, const images::Caller& caller,
                                 const ImageId& id) {
    std::vector<images::Tag> tags;
    for (const images::TagDescription& described : images::list_tags(session, caller.scope())) {
        if (described.resource_id == id.str()) tags.push_back(described.tag);
    }
    return tags;
}

images::Snapshot pending_snapshot(const Image& image, const ImageBlockDevice& device,
                                  const images::ObjectName& object) {
    return {.id = SnapshotId::generate(),
            .owner = image.owner,
            .region = image.region,
            .state = images::SnapshotState::pending,
            .volume_size = device.volume_size,
            .description = fmt::format("Restored from {} for {}", to_text(object), image.id.str()),
            .created = image.created};
}

}  // namespace

std::string Launcher::create_store_image_task(const images::Caller& caller, const ImageId& id,
                                              const std::string& bucket) {
    Implementation& use = *implementation_;
    use.check_pool_space(caller.region);
    const auto reading = use.region_of(caller).chains->read();  // until what is read is pinned
    const images::Operation operation = use.database().write([&](Session& session) {
        const Image image = get_storable_image(session, caller, id);
        images::claim_bucket(session, caller.account, bucket, use.now());
        const images::StoreImageTask task{.image = id,
                                          .bucket = bucket,
                                          .object_key = id.str() + object_suffix,
                                          .owner = caller.account,
                                          .region = caller.region,
                                          .state = images::StoreTaskState::in_progress,
                                          .started = use.now()};
        refuse_taken(session, use.use().store, task);
        images::put_store_image_task(session, task);
        const Storing storing{.image = id,
                              .bucket = bucket,
                              .document = to_document(image, tags_of(session, caller, id),
                                                      images::uefi_data_of(session, id)),
                              .layers = layers_of(session, image)};
        images::Operation made{.id = OperationId::generate(),
                               .kind = operation_kind::store_image,
                               .owner = caller.account,
                               .resource_id = id.str(),
                               .payload = to_json(storing),
                               .created = task.started};
        images::insert_operation(session, made);
        for (const LayerId& layer : storing.layers)
            images::pin_layer(session, made.id, caller.region, layer);
        caller.stop_if_dry_run();
        return made;
    });
    use.stored_images().add(operation);
    return id.str() + object_suffix;
}

std::optional<int> Launcher::stored_percent(const ImageId& image) const {
    return implementation_->stored_images().percent_stored(image);
}

ImageId Launcher::create_restore_image_task(const images::Caller& caller,
                                            const RestoreImageRequest& request) {
    Implementation& use = *implementation_;
    use.check_pool_space(caller.region);
    use.database().read([&](Session& session) {
        images::check_own_bucket(session, caller.account, request.object.bucket);
    });
    const auto stored = images::read_document(use.use().store, request.object);
    ImageDocument read = parse_document(stored.document, stored.file_count);
    Image& image = read.image;
    image.owner = caller.account;
    image.region = caller.region;
    image.created = use.now();
    image.origin = images::ImageOrigin::restoration;
    if (!request.name.empty()) image.name = request.name;
    images::check_image_name(image.name);
    const images::Operation operation = use.database().write([&](Session& session) {
        Restoration restoration{
            .image = image.id, .object = request.object, .document = stored.document};
        for (std::size_t i = 0; i < read.is_file.size(); ++i) {
            if (!read.is_file[i]) continue;
            const auto snapshot = pending_snapshot(image, image.block_devices[i], request.object);
            images::insert_snapshot(session, snapshot);
            images::set_tags(session, caller.scope(), snapshot.id.str(), request.snapshot_tags);
            image.block_devices[i].snapshot = snapshot.id;
            restoration.snapshots.push_back(snapshot.id);
        }
        images::insert_image(session, image);
        images::set_uefi_data(session, image.id, read.uefi_data);
        // The request's are set over those of the document.
        images::set_tags(session, caller.scope(), image.id.str(), read.tags);
        images::set_tags(session, caller.scope(), image.id.str(), request.image_tags);
        images::Operation made{.id = OperationId::generate(),
                               .kind = operation_kind::restore_image,
                               .owner = caller.account,
                               .resource_id = image.id.str(),
                               .payload = to_json(restoration),
                               .created = image.created};
        images::insert_operation(session, made);
        caller.stop_if_dry_run();
        return made;
    });
    use.stored_images().add(operation);
    return image.id;
}

void Launcher::delete_stored_image(const images::Caller& caller, const images::ObjectName& object) {
    Implementation& use = *implementation_;
    std::optional<Error> missing;
    use.database().write([&](Session& session) {
        images::check_own_bucket(session, caller.account, object.bucket);
        try {
            images::read_document(use.use().store, object);
        } catch (const Error& error) {
            if (error.code() != "NoSuchKey" && error.code() != "NoSuchBucket") throw;
            missing = error;  // nobody is charged for what is gone
        }
        caller.stop_if_dry_run();
    });
    // It is charged until it is gone, whatever comes between.
    if (!missing) use.use().store.remove(object);
    use.database().write(
        [&](Session& session) { images::meter_bundle_end(session, to_text(object), use.now()); });
    if (missing) throw Error(*missing);
}

}  // namespace kiln::launcher
