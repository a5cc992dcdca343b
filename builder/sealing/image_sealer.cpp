#include "builder/sealing/image_sealer.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "builder/offline/offline_system.hpp"
#include "images/catalog/image.hpp"
#include "images/layers/checked_chain.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/qemu_img.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::builder {

namespace {

constexpr const char* lane = "sealing";  // one appliance at a time
/// What sealing writes besides what it removes, and room for the file systems' journals.
constexpr Bytes space_for_overlay = Bytes::mebibytes(128);

std::string description_of(const Sealing& sealing, Bytes before, Bytes after) {
    if (!sealing.sparsify) return fmt::format("Sealed from {}", sealing.source.str());
    return fmt::format("Sealed from {}, in one file: {} MiB, where that has {} MiB",
                       sealing.source.str(), after.in_mebibytes(), before.in_mebibytes());
}

}  // namespace

ImageSealer::ImageSealer(Dependencies dependencies) : use_(std::move(dependencies)), executor_(1) {}

ImageSealer::~ImageSealer() {
    stops_.request_stop();
    executor_.stop();
}

void ImageSealer::recover() {
    for (const images::Operation& operation : use_.database.read(images::open_operations)) {
        if (operation.kind == sealing_operation_kind) add(operation);
    }
}

ImageId ImageSealer::seal_image(const images::Caller& caller, const SealRequest& request) {
    images::check_image_name(request.name);
    launcher::check_description(request.description);
    const launcher::Region& region = use_.regions.get(caller.region);
    region.pool.check_space(space_for_overlay, use_.free_space_reserve);
    images::Operation operation{
        .id = OperationId::generate(), .kind = sealing_operation_kind, .owner = caller.account};
    const auto reading = region.chains->read();  // until what is read is pinned
    const Sealing sealing = use_.database.write([&](Session& session) {
        Sealing made = insert_sealing(session, {.caller = caller,
                                                .request = request,
                                                .operation = operation.id,
                                                .now = use_.clock.now()});
        caller.stop_if_dry_run();  // after all checks; what was inserted is rolled back
        return made;
    });
    operation.payload = to_json(sealing);
    add(operation);
    return sealing.image;
}

void ImageSealer::wait_until_idle() {
    executor_.wait_until_idle();
}

void ImageSealer::add(const images::Operation& operation) {
    executor_.add(lane, [this, operation] { run(operation); });
}

void ImageSealer::run(const images::Operation& operation) {
    const Sealing sealing = parse_sealing(operation.payload);
    try {
        make(operation, sealing);
    } catch (const std::exception& error) {
        if (stops_.stop_requested()) return;  // the next start takes it up
        log::warn("{} cannot be sealed as {}: {}", sealing.source.str(), sealing.image.str(),
                  error.what());
        use_.database.write(
            [&](Session& session) { fail_sealing(session, operation, sealing, error.what()); });
    }
    images::collect_layers(use_.database, use_.regions.get(sealing.region).pool, sealing.region);
}

void ImageSealer::make(const images::Operation& operation, const Sealing& sealing) {
    const images::Pool& pool = use_.regions.get(sealing.region).pool;
    const auto image = use_.database.read(
        [&](Session& session) { return images::find_image(session, sealing.image); });
    if (!image) return;
    pool.remove(sealing.layer);  // of a try that was cut off
    make_overlay(sealing);
    use_.seal({.disk = pool.path_of(sealing.layer),
               .architecture = image->architecture,
               .mirror = "",
               .on_log =
                   [&](std::string_view line) {
                       log::debug("sealing {}: {}", sealing.image.str(), line);
                   },
               .stop = stops_.get_token()},
              sealing.sparsify);
    const Bytes before = stored_size_of_chain(sealing);
    if (sealing.sparsify) make_one_file(sealing);
    pool.freeze(sealing.layer);
    const Bytes stored = pool.allocated_size(sealing.layer);
    use_.database.write([&](Session& session) {
        publish_sealing(
            session, operation, sealing,
            {.stored_size = stored, .description = description_of(sealing, before, stored)},
            use_.clock.now());
    });
}

void ImageSealer::make_overlay(const Sealing& sealing) const {
    const images::Pool& pool = use_.regions.get(sealing.region).pool;
    images::checked_chain(use_.database, pool, sealing.region, sealing.root);
    pool.create_overlay({.layer = sealing.layer, .parent = sealing.root, .size = sealing.size});
}

/// Of what is read through the layer, without what its file systems do not use.
void ImageSealer::make_one_file(const Sealing& sealing) const {
    const images::Pool& pool = use_.regions.get(sealing.region).pool;
    pool.check_space(stored_size_of_chain(sealing), use_.free_space_reserve);
    const std::filesystem::path file = pool.unfinished_path_of(sealing.layer);
    images::qemu_img::flatten(pool.path_of(sealing.layer), file, stops_.get_token());
    std::filesystem::rename(file, pool.path_of(sealing.layer));
}

/// Of what the source's root stands on, the root included.
Bytes ImageSealer::stored_size_of_chain(const Sealing& sealing) const {
    const images::Pool& pool = use_.regions.get(sealing.region).pool;
    Bytes size;
    for (const images::Layer& layer :
         images::checked_chain(use_.database, pool, sealing.region, sealing.root)) {
        size = size + pool.allocated_size(layer.id);
    }
    return size;
}

std::function<void(const OfflineDiskSpec& disk, bool trim)> sealing_in_appliance(
    const std::filesystem::path& directory, bool use_kvm) {
    return [directory, use_kvm](const OfflineDiskSpec& disk, bool trim) {
        OfflineSystem system(disk, {.directory = directory, .use_kvm = use_kvm});
        system.apply({.name = "seal", .action = SealStep{}});
        if (trim) system.trim();
        system.finish();
    };
}

}  // namespace kiln::builder
