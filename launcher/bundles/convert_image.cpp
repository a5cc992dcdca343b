#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/market/product_code.hpp"
#include "launcher/bundles/bundle_prefix.hpp"
#include "launcher/bundles/bundles.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::DeviceType;
using images::Image;
using images::ImageBlockDevice;

ImageBlockDevice& root_of(Image& image) {
    const auto root = std::ranges::find(image.block_devices, image.root_device_name,
                                        &ImageBlockDevice::device_name);
    if (root != image.block_devices.end()) return *root;
    throw Error("InvalidAMIID.Unavailable", image.id.str(),
                fmt::format("The image '{}' has no root device.", image.id.str()));
}

Image get_source(Session& session, const images::Caller& caller,
                 const ConvertImageRequest& request) {
    images::get_own_image(session, caller.scope(), request.source);
    Image source = images::get_launchable_image(session, caller.scope(), request.source);
    const bool is_stored = source.root_device_type == DeviceType::instance_store;
    if (is_stored != request.bundle.has_value()) return source;
    throw Error(error_code::invalid_parameter_combination, source.id.str(),
                is_stored ? fmt::format("The image '{}' is an instance-store image already: leave "
                                        "Storage out to make an EBS-backed one of it.",
                                        source.id.str())
                          : fmt::format("The image '{}' is EBS-backed: say in Storage where to "
                                        "store its bundle.",
                                        source.id.str()));
}

Image converted_image(const Image& source, const ConvertImageRequest& request, Time now) {
    Image image = images::image_made_of(source, request.name, now);
    image.description = request.description;
    image.origin = images::ImageOrigin::conversion;
    return image;
}

/// Its root becomes a pending snapshot.
SnapshotId make_ebs_backed(Session& session, const Image& source, Image& image) {
    ImageBlockDevice& root = root_of(image);
    SnapshotId id = SnapshotId::generate();
    images::insert_snapshot(session, {.id = id,
                                      .owner = image.owner,
                                      .region = image.region,
                                      .state = images::SnapshotState::pending,
                                      .volume_size = root.volume_size,
                                      .description = fmt::format("Converted from {} for {}",
                                                                 source.id.str(), image.id.str()),
                                      .created = image.created});
    root = {.device_name = image.root_device_name, .snapshot = id, .volume_size = root.volume_size};
    image.root_device_type = DeviceType::ebs;
    image.location.clear();
    return id;
}

void refuse_encrypted(const images::Snapshot& snapshot) {
    if (!snapshot.key_id) return;
    throw Error(
        error_code::unsupported_operation, snapshot.id.str(),
        fmt::format("The snapshot '{}' is encrypted, and a bundle would have its content in "
                    "clear.",
                    snapshot.id.str()));
}

/// Returns the layer that its bundle is made of.
LayerId make_instance_store(Session& session, const images::ObjectPrefix& bundle, Image& image) {
    ImageBlockDevice& root = root_of(image);
    const auto snapshot = images::find_snapshot(session, root.snapshot.value());
    refuse_encrypted(snapshot.value());
    if (snapshot->volume_size > max_bundled_root) {
        throw Error(
            error_code::invalid_parameter_value, image.id.str(),
            fmt::format("The root has {} GiB, and that of an instance-store image at most "
                        "{}.",
                        snapshot->volume_size.in_gibibytes(), max_bundled_root.in_gibibytes()));
    }
    root = {.device_name = image.root_device_name,
            .volume_size = snapshot->volume_size,
            .volume_type = "",
            .virtual_name = root_virtual_name};
    image.root_device_type = DeviceType::instance_store;
    image.location = to_text(images::manifest_of(bundle));
    return snapshot->layer.value();
}

}  // namespace

ImageId Launcher::convert_image(const images::Caller& caller, const ConvertImageRequest& request) {
    Implementation& use = *implementation_;
    images::check_image_name(request.name);
    check_description(request.description);
    use.check_pool_space(caller.region);
    const OperationId operation = OperationId::generate();
    const auto reading = use.region_of(caller).chains->read();  // until what is read is pinned
    const Conversion conversion = use.database().write([&](Session& session) {
        const Image source = get_source(session, caller, request);
        Image image = converted_image(source, request, use.now());
        Conversion made{.source = source.id, .image = image.id, .bundle = request.bundle};
        if (request.bundle) {
            refuse_product_codes(session, source.id.str());
            claim_bundle(session, use.use().store, caller.account, *request.bundle, use.now());
            made.layer = make_instance_store(session, *request.bundle, image);
        } else {
            made.snapshot = make_ebs_backed(session, source, image);
            images::inherit_product_codes(session, source.id.str(), made.snapshot->str());
            images::set_tags(session, caller.scope(), made.snapshot->str(), request.snapshot_tags);
        }
        images::inherit_product_codes(session, source.id.str(), image.id.str());
        images::insert_image(session, image);
        images::set_uefi_data(session, image.id, images::uefi_data_of(session, source.id));
        images::set_tags(session, caller.scope(), image.id.str(), request.image_tags);
        images::insert_operation(session, {.id = operation,
                                           .kind = operation_kind::convert_image,
                                           .owner = caller.account,
                                           .resource_id = image.id.str(),
                                           .payload = to_json(made),
                                           .created = image.created});
        if (made.layer) images::pin_layer(session, operation, image.region, *made.layer);
        caller.stop_if_dry_run();
        return made;
    });
    use.conversion().add(operation, conversion);
    return conversion.image;
}

}  // namespace kiln::launcher
