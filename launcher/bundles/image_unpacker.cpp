#include "launcher/bundles/image_unpacker.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/unpacked_image.hpp"
#include "images/catalog/volume.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/qemu_img.hpp"
#include "launcher/bundles/bundle_prefix.hpp"
#include "launcher/bundles/bundles.hpp"

namespace kiln::launcher {

namespace {

std::optional<OperationId> launch_operation(Database& database, const InstanceId& id) {
    const auto operations = database.read(
        [&](Session& session) { return images::operations_of_resource(session, id.str()); });
    for (const images::Operation& operation : operations) {
        if (operation.kind == operation_kind::launch) return operation.id;
    }
    return std::nullopt;
}

}  // namespace

void ImageUnpacker::prepare(const InstanceId& id) const {
    const auto described = load_instance(use_.database, id);
    if (!described || described->instance.state != images::InstanceState::pending) return;
    const images::Volume* root = described->root();
    if (root == nullptr || root->layer) return;
    const auto image = use_.database.read(
        [&](Session& session) { return images::find_image(session, described->instance.image); });
    if (!image) throw Error("InvalidAMIID.NotFound", id.str(), "the image is gone");
    const auto operation = launch_operation(use_.database, id);
    if (!operation) return;  // it was terminated meanwhile
    const LayerId layer = layer_of(*image, *operation);
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        if (!keep(session, *image, layer)) return;
        auto volume = images::find_volume(session, root->id);
        if (!volume) return;  // it was terminated meanwhile
        volume->layer = LayerId::generate();
        images::insert_layer(session, {.id = *volume->layer,
                                       .region = volume->region,
                                       .parent = layer,
                                       .state = images::LayerState::creating,
                                       .virtual_size = volume->size,
                                       .created = now});
        images::update_volume(session, *volume, now);
    });
}

LayerId ImageUnpacker::layer_of(const images::Image& image, const OperationId& operation) const {
    const auto found = use_.database.write([&](Session& session) -> std::optional<images::Layer> {
        auto id = images::unpacked_layer(session, image.id);
        // A try that was cut off has left the operation one.
        const auto pinned = images::pinned_layers(session, operation);
        if (!id && !pinned.empty()) id = pinned.front();
        if (!id) return std::nullopt;
        auto layer = images::find_layer(session, image.region, *id);
        if (!layer || layer->state == images::LayerState::deleting) return std::nullopt;
        images::pin_layer(session, operation, image.region, *id);
        return layer;
    });
    if (found && found->state == images::LayerState::frozen) return found->id;
    return unpack(image, operation, found ? found->id : LayerId::generate());
}

bool ImageUnpacker::keep(Session& session, const images::Image& image, const LayerId& layer) {
    const auto row = images::find_layer(session, image.region, layer);
    if (!row || row->state == images::LayerState::deleting) return false;
    images::set_layer_state(session, image.region, layer, images::LayerState::frozen);
    const auto now = images::find_image(session, image.id);
    // One that was deregistered meanwhile keeps nothing for others.
    if (now && now->state == images::ImageState::available) {
        images::set_unpacked_layer(session, image.id, image.region, layer);
    }
    return true;
}

/// The layer is there as a file then, its row still being made.
LayerId ImageUnpacker::unpack(const images::Image& image, const OperationId& operation,
                              const LayerId& layer) const {
    const images::ObjectName manifest = parse_location(image.location);
    const Bytes size = images::read_manifest(store_, manifest, max_bundled_root).size;
    use_.database.write([&](Session& session) {
        if (images::find_layer(session, image.region, layer)) return;  // a try was cut off
        images::insert_layer(session, {.id = layer,
                                       .region = image.region,
                                       .parent = std::nullopt,
                                       .state = images::LayerState::creating,
                                       .virtual_size = size,
                                       .created = use_.clock.now()});
        if (images::operation_is_open(session, operation)) {
            images::pin_layer(session, operation, image.region, layer);
        }
    });
    Rollback rollback;
    rollback.add([&] {
        use_.database.write([&](Session& session) {
            images::unpin_layer(session, operation, image.region, layer);
            images::set_layer_state(session, image.region, layer, images::LayerState::deleting);
        });
        images::collect_layers(use_.database, use_.regions.get(image.region).pool, image.region);
    });
    unpack_into(image, layer, size);
    rollback.commit();
    return layer;
}

void ImageUnpacker::unpack_into(const images::Image& image, const LayerId& layer,
                                Bytes size) const {
    const images::Pool& pool = use_.regions.get(image.region).pool;
    const images::ObjectName manifest = parse_location(image.location);
    // The raw file and the layer, neither of which is compressed.
    pool.check_space(size + size, use_.free_space_reserve);
    log::info("unpacking {} for {}", image.location, image.id.str());
    const std::filesystem::path raw = pool.raw_path_of(layer);
    const std::filesystem::path disk = pool.unfinished_path_of(layer);
    Rollback files;
    files.add([&] {
        remove_file(raw);
        remove_file(disk);
    });
    remove_file(raw);  // of a try that was cut off
    images::unpack_bundle(store_, manifest, raw, max_bundled_root, nullptr, use_.pause.token());
    images::qemu_img::convert_raw(raw, disk, use_.pause.token());
    pool.adopt(layer, disk);
    remove_file(raw);
    files.commit();
}

}  // namespace kiln::launcher
