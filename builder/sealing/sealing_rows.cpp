#include "builder/sealing/sealing_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/market/product_code.hpp"

namespace kiln::builder {

namespace {

using images::Image;
using images::ImageBlockDevice;

Error unsupported(const Image& image, const std::string& why) {
    return {error_code::unsupported_operation, image.id.str(),
            fmt::format("The image '{}' cannot be sealed: {}", image.id.str(), why)};
}

/// Each waits for an appliance.
constexpr int most_unfinished = 16;  // of an account

void check_unfinished(Session& session, const images::Caller& caller) {
    const auto operations = images::open_operations(session);
    const auto unfinished =
        std::ranges::count_if(operations, [&](const images::Operation& operation) {
            return operation.kind == sealing_operation_kind && operation.owner == caller.account;
        });
    if (unfinished < most_unfinished) return;
    throw Error("RequestLimitExceeded", "",
                fmt::format("{} images of yours are being sealed: wait for one", unfinished));
}

Image get_source(Session& session, const images::Caller& caller, const ImageId& id) {
    images::get_own_image(session, caller.scope(), id);
    return images::get_launchable_image(session, caller.scope(), id);
}

images::Snapshot root_of(Session& session, const Image& image) {
    const ImageBlockDevice* root = images::root_device(image);
    if (image.root_device_type != images::DeviceType::ebs || root == nullptr || !root->snapshot) {
        throw unsupported(image,
                          "its root is no snapshot. Make an EBS-backed image of it with 'kiln "
                          "convert-image', and seal that.");
    }
    const auto snapshot = images::find_snapshot(session, *root->snapshot);
    if (!snapshot || !snapshot->layer)
        throw unsupported(image, "the snapshot of its root is gone.");
    if (snapshot->key_id) throw unsupported(image, "its root is encrypted.");
    return *snapshot;
}

ImageBlockDevice& root_device(Image& image) {
    return *std::ranges::find(image.block_devices, image.root_device_name,
                              &ImageBlockDevice::device_name);
}

void insert_image_of(Session& session, const NewSealing& sealing, const Image& source,
                     const ImageId& id) {
    Image image = images::image_made_of(source, sealing.request.name, sealing.now);
    image.id = id;
    image.origin = images::ImageOrigin::unknown;  // it is made of the other, and no copy of it
    if (!sealing.request.description.empty()) image.description = sealing.request.description;
    root_device(image).snapshot.reset();  // until there is one
    images::inherit_product_codes(session, source.id.str(), image.id.str());
    images::insert_image(session, image);
    images::set_uefi_data(session, image.id, images::uefi_data_of(session, source.id));
}

}  // namespace

std::string to_json(const Sealing& sealing) {
    return nlohmann::json{{"source", sealing.source.str()}, {"image", sealing.image.str()},
                          {"region", sealing.region},       {"root", sealing.root.str()},
                          {"layer", sealing.layer.str()},   {"size", sealing.size.value},
                          {"sparsify", sealing.sparsify}}
        .dump();
}

Sealing parse_sealing(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    const auto text = [&](const char* name) { return document.at(name).get<std::string>(); };
    return {.source = ImageId(text("source")),
            .image = ImageId(text("image")),
            .region = text("region"),
            .root = LayerId(text("root")),
            .layer = LayerId(text("layer")),
            .size = {document.at("size").get<std::uint64_t>()},
            .sparsify = document.at("sparsify").get<bool>()};
}

Sealing insert_sealing(Session& session, const NewSealing& sealing) {
    const images::Caller& caller = sealing.caller;
    const Image source = get_source(session, caller, sealing.request.source);
    const images::Snapshot root = root_of(session, source);
    check_unfinished(session, caller);
    Sealing made{.source = source.id,
                 .image = ImageId::generate(),
                 .region = caller.region,
                 .root = root.layer.value(),
                 .layer = LayerId::generate(),
                 .size = root.volume_size,
                 .sparsify = sealing.request.sparsify};
    insert_image_of(session, sealing, source, made.image);
    images::insert_layer(session, {.id = made.layer,
                                   .region = made.region,
                                   .parent = made.root,
                                   .state = images::LayerState::creating,
                                   .virtual_size = made.size,
                                   .created = sealing.now});
    images::insert_operation(session, {.id = sealing.operation,
                                       .kind = sealing_operation_kind,
                                       .owner = caller.account,
                                       .resource_id = made.image.str(),
                                       .payload = to_json(made),
                                       .created = sealing.now});
    images::pin_layer(session, sealing.operation, made.region, made.root);
    return made;
}

bool publish_sealing(Session& session, const images::Operation& operation, const Sealing& sealing,
                     const SealedLayer& sealed, Time now) {
    auto image = images::find_image(session, sealing.image);
    if (!image || !images::operation_is_open(session, operation.id)) return false;
    const SnapshotId snapshot = SnapshotId::generate();
    if (sealing.sparsify)
        images::set_layer_parent(session, sealing.region, sealing.layer, std::nullopt);
    images::set_layer_state(session, sealing.region, sealing.layer, images::LayerState::frozen);
    images::insert_snapshot(session, {.id = snapshot,
                                      .owner = operation.owner,
                                      .region = sealing.region,
                                      .state = images::SnapshotState::pending,
                                      .volume_size = sealing.size,
                                      .description = sealed.description,
                                      .created = now});
    images::inherit_product_codes(session, sealing.image.str(), snapshot.str());
    images::complete_snapshot(session, snapshot,
                              {.layer = sealing.layer, .stored_size = sealed.stored_size}, now);
    root_device(*image).snapshot = snapshot;
    images::set_image_block_devices(session, image->id, image->block_devices);
    images::set_image_state(session, image->id, images::ImageState::available);
    images::delete_operation(session, operation.id);
    return true;
}

void fail_sealing(Session& session, const images::Operation& operation, const Sealing& sealing,
                  const std::string& cause) {
    if (!images::operation_is_open(session, operation.id)) return;
    images::set_image_state(session, sealing.image, images::ImageState::failed, cause);
    images::set_image_block_devices(session, sealing.image, {});
    images::set_layer_state(session, sealing.region, sealing.layer, images::LayerState::deleting);
    images::delete_operation(session, operation.id);
}

}  // namespace kiln::builder
