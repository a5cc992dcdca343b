#include "launcher/bundles/image_unpacker.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/unpacked_image.hpp"
#include "images/catalog/volume.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/qemu_img.hpp"
#include "launcher/bundles/bundle_prefix.hpp"
#include "launcher/bundles/bundles.hpp"

namespace kiln::launcher {

void ImageUnpacker::prepare(const InstanceId& id) const {
    const auto described = load_instance(use_.database, id);
    if (!described || described->instance.state != images::InstanceState::pending) return;
    const images::Volume* root = described->root();
    if (root == nullptr || root->layer) return;
    const auto image = use_.database.read(
        [&](Session& session) { return images::find_image(session, described->instance.image); });
    if (!image) throw Error("InvalidAMIID.NotFound", id.str(), "the image is gone");
    const LayerId layer = layer_of(*image);
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        keep(session, *image, layer);
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

LayerId ImageUnpacker::layer_of(const images::Image& image) const {
    auto known = use_.database.read(
        [&](Session& session) { return images::unpacked_layer(session, image.id); });
    return known ? *std::move(known) : unpack(image);
}

void ImageUnpacker::keep(Session& session, const images::Image& image, const LayerId& layer) {
    images::set_layer_state(session, image.region, layer, images::LayerState::frozen);
    const auto now = images::find_image(session, image.id);
    // One that was deregistered meanwhile keeps nothing for others.
    if (!now || now->state != images::ImageState::available) return;
    images::set_unpacked_layer(session, image.id, image.region, layer);
}

/// The layer is there as a file, its row still being made.
LayerId ImageUnpacker::unpack(const images::Image& image) const {
    LayerId layer = LayerId::generate();
    use_.database.write([&](Session& session) {
        images::insert_layer(session, {.id = layer,
                                       .region = image.region,
                                       .parent = std::nullopt,
                                       .state = images::LayerState::creating,
                                       .virtual_size = image.block_devices.front().volume_size,
                                       .created = use_.clock.now()});
    });
    Rollback rollback;
    rollback.add([&] {
        use_.database.write([&](Session& session) {
            images::set_layer_state(session, image.region, layer, images::LayerState::deleting);
        });
        images::collect_layers(use_.database, use_.regions.get(image.region).pool, image.region);
    });
    unpack_into(image, layer);
    rollback.commit();
    return layer;
}

void ImageUnpacker::unpack_into(const images::Image& image, const LayerId& layer) const {
    const images::Pool& pool = use_.regions.get(image.region).pool;
    const images::ObjectName manifest = parse_location(image.location);
    const Bytes needed = images::read_manifest(store_, manifest, max_bundled_root).bundled_size;
    pool.check_space(needed + needed, use_.free_space_reserve);
    log::info("unpacking {} for {}", image.location, image.id.str());
    const std::filesystem::path raw = pool.raw_path_of(layer);
    const std::filesystem::path disk = pool.unfinished_path_of(layer);
    Rollback files;
    files.add([&] {
        remove_file(raw);
        remove_file(disk);
    });
    images::unpack_bundle(store_, manifest, raw, max_bundled_root, nullptr, use_.pause.token());
    images::qemu_img::convert_raw(raw, disk, use_.pause.token());
    pool.adopt(layer, disk);
    remove_file(raw);
    files.commit();
}

}  // namespace kiln::launcher
