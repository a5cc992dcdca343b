#include "launcher/bundles/image_conversion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/catalog/usage.hpp"
#include "images/layers/collection.hpp"
#include "launcher/bundles/bundle_prefix.hpp"
#include "launcher/bundles/bundles.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::Image;
using images::ImageState;

constexpr const char* slot = "image conversion";

/// Whether it was not canceled.
bool is_wanted(Session& session, const OperationId& operation, const Conversion& conversion) {
    const auto image = images::find_image(session, conversion.image);
    return images::operation_is_open(session, operation) && image &&
           image->state == ImageState::pending;
}

}  // namespace

std::string to_json(const Conversion& conversion) {
    nlohmann::json document{{"source", conversion.source.str()}, {"image", conversion.image.str()}};
    if (conversion.snapshot) document["snapshot"] = conversion.snapshot->str();
    if (conversion.layer) document["layer"] = conversion.layer->str();
    if (conversion.bundle) {
        document["bucket"] = conversion.bundle->bucket;
        document["prefix"] = conversion.bundle->prefix;
    }
    return document.dump();
}

Conversion parse_conversion(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    Conversion conversion{.source = ImageId(document.at("source").get<std::string>()),
                          .image = ImageId(document.at("image").get<std::string>())};
    if (document.contains("snapshot")) {
        conversion.snapshot.emplace(document["snapshot"].get<std::string>());
    }
    if (document.contains("layer")) conversion.layer.emplace(document["layer"].get<std::string>());
    if (document.contains("bucket")) {
        conversion.bundle = {.bucket = document["bucket"].get<std::string>(),
                             .prefix = document.at("prefix").get<std::string>()};
    }
    return conversion;
}

void withdraw_conversion(Session& session, const images::Operation& operation, Time now) {
    const Conversion conversion = parse_conversion(operation.payload);
    images::set_image_block_devices(session, conversion.image, {});
    if (conversion.snapshot) {
        images::delete_all_tags(session, conversion.snapshot->str());
        images::delete_snapshot(session, *conversion.snapshot, now);
    }
    // Until what it has stored is removed the operation keeps the prefix from others.
    if (!conversion.bundle) images::delete_operation(session, operation.id);
}

void ImageConversion::add(const OperationId& operation, const Conversion& conversion) {
    std::vector<std::string> lanes{conversion.image.str(), slot};
    // A bundle is made of a layer: launches of the source need not wait for it.
    if (!conversion.bundle) lanes.push_back(ImageUnpacker::lane_of(conversion.source));
    use_.executor.add_for_all(std::move(lanes),
                              [this, operation, conversion] { run(operation, conversion); });
}

void ImageConversion::cancel(const OperationId& operation, const Conversion& conversion) {
    {
        const std::lock_guard lock(mutex_);
        const auto running = running_.find(operation);
        if (running != running_.end()) running->second->request_stop();
    }
    add(operation, conversion);  // cleans up
}

void ImageConversion::run(const OperationId& operation, const Conversion& conversion) {
    const auto stop = std::make_shared<std::stop_source>();
    {
        const std::lock_guard lock(mutex_);
        running_.insert_or_assign(operation, stop);
    }
    Rollback at_the_end;
    at_the_end.add([&] {
        const std::lock_guard lock(mutex_);
        running_.erase(operation);
    });
    const auto image = use_.database.read([&](Session& session) -> std::optional<Image> {
        if (!images::operation_is_open(session, operation)) return std::nullopt;
        return images::find_image(session, conversion.image);
    });
    if (!image) return;
    if (image->state == ImageState::pending) {
        convert(operation, conversion, stop->get_token());
    } else {
        end_canceled(operation, conversion);
    }
}

void ImageConversion::convert(const OperationId& operation, const Conversion& conversion,
                              const std::stop_token& stop) {
    try {
        if (conversion.bundle) {
            to_bundle(operation, conversion, stop);
        } else {
            to_ebs(operation, conversion);
        }
    } catch (const std::exception& error) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        const auto* known = dynamic_cast<const Error*>(&error);
        if (known != nullptr && known->code() == error_code::unavailable) throw;  // tried again
        if (stop.stop_requested()) return;  // cancel() has added a job
        fail(operation, conversion, error.what());
    }
}

Image ImageConversion::get_image(const ImageId& id) const {
    auto image =
        use_.database.read([&](Session& session) { return images::find_image(session, id); });
    if (image) return *std::move(image);
    throw Error("InvalidAMIID.NotFound", id.str(), fmt::format("the image '{}' is gone", id.str()));
}

void ImageConversion::to_ebs(const OperationId& operation, const Conversion& conversion) const {
    const Image source = get_image(conversion.source);
    const LayerId layer = unpacker_.layer_of(source, operation);
    const images::Pool& pool = use_.regions.get(source.region).pool;
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        const bool is_kept = ImageUnpacker::keep(session, source, layer);
        if (!is_kept || !images::operation_is_open(session, operation)) return;
        images::complete_snapshot(session, conversion.snapshot.value(),
                                  {.layer = layer, .stored_size = pool.allocated_size(layer)}, now);
        images::set_image_state(session, conversion.image, ImageState::available);
        images::delete_operation(session, operation);
    });
    images::collect_layers(use_.database, pool, source.region);
}

std::filesystem::path ImageConversion::raw_file(const Conversion& conversion) const {
    const std::string region = get_image(conversion.image).region;
    return use_.regions.get(region).pool.directory() / (conversion.image.str() + ".raw");
}

void ImageConversion::to_bundle(const OperationId& operation, const Conversion& conversion,
                                const std::stop_token& stop) {
    const Image image = get_image(conversion.image);
    const images::ObjectPrefix& bundle = conversion.bundle.value();
    const std::filesystem::path raw = raw_file(conversion);
    Rollback raw_is_there;
    raw_is_there.add([&] { remove_file(raw); });
    std::stop_source either;
    const std::stop_callback with_service(use_.pause.token(), [&] { either.request_stop(); });
    const std::stop_callback with_operation(stop, [&] { either.request_stop(); });
    clean_up(operation, conversion);
    flatten(use_, use_.regions.get(image.region), conversion.layer.value(), raw,
            either.get_token());
    check_store_space(use_, {raw});
    images::BundleDescription description = describe(image);
    description.uefi_data = use_.database.read(
        [&](Session& session) { return images::uefi_data_of(session, image.id); });
    const auto manifest =
        images::write_bundle(store_, bundle, raw, description, nullptr, either.get_token());
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        if (!is_wanted(session, operation, conversion)) return;  // cancel() has added a job
        images::set_image_state(session, conversion.image, ImageState::available);
        images::meter_bundle_start(session,
                                   {.location = image.location,
                                    .owner = image.owner,
                                    .region = image.region,
                                    .size = manifest.bundled_size},
                                   now);
        images::delete_operation(session, operation);
    });
    images::collect_layers(use_.database, use_.regions.get(image.region).pool, image.region);
}

void ImageConversion::fail(const OperationId& operation, const Conversion& conversion,
                           const std::string& cause) const {
    log::error("the conversion of {} to {} failed: {}", conversion.source.str(),
               conversion.image.str(), cause);
    clean_up(operation, conversion);
    use_.database.write([&](Session& session) {
        if (!is_wanted(session, operation, conversion)) return;
        images::set_image_state(session, conversion.image, ImageState::failed, cause);
        images::set_image_block_devices(session, conversion.image, {});
        if (conversion.snapshot) {
            images::delete_all_tags(session, conversion.snapshot->str());
            images::delete_snapshot(session, *conversion.snapshot, use_.clock.now());
        }
        images::delete_operation(session, operation);
    });
}

/// One that is not wanted any more, whose operation was kept for what it has stored.
void ImageConversion::end_canceled(const OperationId& operation,
                                   const Conversion& conversion) const {
    clean_up(operation, conversion);
    use_.database.write([&](Session& session) { images::delete_operation(session, operation); });
    const std::string region = get_image(conversion.image).region;
    images::collect_layers(use_.database, use_.regions.get(region).pool, region);
}

/// What a conversion that did not end has stored.
void ImageConversion::clean_up(const OperationId& operation, const Conversion& conversion) const {
    if (!conversion.bundle) return;
    remove_file(raw_file(conversion));
    remove_stored_bundle(use_.database, store_, *conversion.bundle,
                         {.operation = operation, .own = conversion.image});
}

}  // namespace kiln::launcher
