#include "builder/registration.hpp"

#include <fmt/format.h>

#include "base/rollback.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/market/product_code.hpp"

namespace kiln::builder {

namespace {

constexpr const char* root_device_name = "/dev/xvda";

images::VirtualizationType virtualization_type_of(const Recipe& recipe) {
    return recipe.boot == RecipeBoot::boot_loader ? images::VirtualizationType::hvm
                                                  : images::VirtualizationType::paravirtual;
}

std::string kernel_id_of(const Recipe& recipe) {
    switch (recipe.boot) {
        case RecipeBoot::boot_loader:
            return "";
        case RecipeBoot::pv_grub_hd0:
            return images::pv_kernel_id("hd0", recipe.architecture);
        case RecipeBoot::pv_grub_hd00:
            return images::pv_kernel_id("hd00", recipe.architecture);
    }
    return "";
}

/// libosinfo's short id of a Debian.
std::string os_id_of(const Recipe& recipe) {
    if (recipe.kind != RecipeKind::debian) return "";
    if (recipe.suite == "bookworm") return "debian12";
    if (recipe.suite == "trixie") return "debian13";
    return "";
}

images::Image image_on_base(const NewBuild& build, const ImageId& id) {
    images::Image image = images::image_made_of(build.base->image, build.name, build.now);
    image.id = id;
    image.owner = build.caller.account;
    image.region = build.caller.region;
    image.description = build.description;
    image.login_user = build.recipe.login_user;
    image.purpose.clear();
    image.origin = images::ImageOrigin::build;
    std::erase_if(image.block_devices, [](const images::ImageBlockDevice& device) {
        return device.virtual_name.empty();
    });
    return image;
}

images::Image pending_image(const NewBuild& build, const ImageId& id) {
    if (build.base != nullptr) return image_on_base(build, id);
    return {.id = id,
            .owner = build.caller.account,
            .region = build.caller.region,
            .name = build.name,
            .description = build.description,
            .state = images::ImageState::pending,
            .architecture = build.recipe.architecture,
            .virtualization_type = virtualization_type_of(build.recipe),
            // Without a wish it is BIOS, where there is one: the disk boots under UEFI too, but
            // slower, and with variables to keep for each instance.
            .boot_mode = build.recipe.boot_mode,
            .root_device_name = root_device_name,
            .kernel_id = kernel_id_of(build.recipe),
            .login_user = build.recipe.login_user,
            .created = build.now,
            .tpm_support = build.recipe.tpm ? images::tpm_2_0 : "",
            .secure_boot = build.recipe.secure_boot,
            .os_id = os_id_of(build.recipe),
            .purpose = build.recipe.kind == RecipeKind::pv_appliance ? images::pv_appliance : "",
            .origin = images::ImageOrigin::build};
}

/// The snapshots that the image has, which are its alone.
std::vector<SnapshotId> snapshots_of(Session& session, const ImageId& id) {
    std::vector<SnapshotId> snapshots;
    const auto image = images::find_image(session, id);
    if (!image) return snapshots;
    for (const images::ImageBlockDevice& device : image->block_devices) {
        if (device.snapshot) snapshots.push_back(*device.snapshot);
    }
    return snapshots;
}

struct EndOfBuild {
    images::ImageState state;
    std::string reason;
    Time now;
};
void end_operation(Database& database, const Registration& registration, const EndOfBuild& end) {
    database.write([&](Session& session) {
        const auto snapshots = snapshots_of(session, registration.image);
        images::set_image_state(session, registration.image, end.state, end.reason);
        for (const SnapshotId& snapshot : snapshots)
            images::delete_snapshot(session, snapshot, end.now);
        images::delete_operation(session, registration.operation);
    });
}

std::string snapshot_description(const Registration& registration) {
    return fmt::format("Created by BuildImage for {}", registration.image.str());
}

void end_well(Session& session, const Registration& registration, const images::Caller& caller,
              const Recipe& recipe) {
    images::set_image_state(session, registration.image, images::ImageState::available);
    images::set_tags(session, caller.scope(), registration.image.str(), recipe.tags);
    images::delete_operation(session, registration.operation);
}

}  // namespace

Registration register_build(Session& session, const NewBuild& build) {
    images::check_image_name(build.name);
    Registration registration{.image = ImageId::generate(), .operation = OperationId::generate()};
    images::insert_image(session, pending_image(build, registration.image));
    images::insert_operation(session, {.id = registration.operation,
                                       .kind = build_operation_kind,
                                       .owner = build.caller.account,
                                       .resource_id = registration.image.str(),
                                       .payload = "{}",
                                       .created = build.now});
    if (build.base != nullptr) {
        images::inherit_product_codes(session, build.base->image.id.str(),
                                      registration.image.str());
        images::set_uefi_data(session, registration.image,
                              images::uefi_data_of(session, build.base->image.id));
        images::pin_layer(session, registration.operation, build.caller.region, build.base->layer);
    }
    build.caller.stop_if_dry_run();  // after all checks; what was inserted is rolled back
    return registration;
}

void publish_build(Database& database, const images::Pool& pool, const FinishedBuild& build) {
    const LayerId layer = LayerId::generate();
    const SnapshotId snapshot = SnapshotId::generate();
    const std::string& region = build.caller.region;
    Rollback rollback;
    rollback.add([&] { pool.remove(layer); });
    pool.adopt(layer, build.disk);
    database.write([&](Session& session) {
        images::insert_layer(session, {.id = layer,
                                       .region = region,
                                       .state = images::LayerState::frozen,
                                       .virtual_size = build.recipe.size,
                                       .created = build.now});
        images::insert_snapshot(session, {.id = snapshot,
                                          .owner = build.caller.account,
                                          .region = region,
                                          .layer = layer,
                                          .state = images::SnapshotState::completed,
                                          .volume_size = build.recipe.size,
                                          .stored_size = pool.allocated_size(layer),
                                          .description = snapshot_description(build.registration),
                                          .created = build.now});
        images::set_image_block_devices(session, build.registration.image,
                                        {{.device_name = root_device_name,
                                          .snapshot = snapshot,
                                          .volume_size = build.recipe.size}});
        end_well(session, build.registration, build.caller, build.recipe);
    });
    rollback.commit();
}

void give_root(Database& database, const Root& root) {
    const SnapshotId snapshot = SnapshotId::generate();
    database.write([&](Session& session) {
        const auto layer = images::find_layer(session, root.caller.region, root.layer).value();
        auto image = images::find_image(session, root.registration.image).value();
        const auto before = snapshots_of(session, image.id);
        std::erase_if(image.block_devices, [](const auto& device) { return !!device.snapshot; });
        images::insert_snapshot(session, {.id = snapshot,
                                          .owner = root.caller.account,
                                          .region = root.caller.region,
                                          .layer = root.layer,
                                          .state = images::SnapshotState::completed,
                                          .volume_size = layer.virtual_size,
                                          .stored_size = root.stored_size,
                                          .description = snapshot_description(root.registration),
                                          .created = root.now});
        image.block_devices.push_back({.device_name = image.root_device_name,
                                       .snapshot = snapshot,
                                       .volume_size = root.volume_size});
        images::set_image_block_devices(session, image.id, image.block_devices);
        for (const SnapshotId& old : before)
            images::delete_snapshot(session, old, root.now);
        if (root.made_of) {
            images::inherit_product_codes(session, root.made_of->str(), snapshot.str());
            images::inherit_product_codes(session, image);
        }
    });
}

void publish_root(Database& database, const Registration& registration,
                  const images::Caller& caller, const Recipe& recipe) {
    database.write([&](Session& session) { end_well(session, registration, caller, recipe); });
}

void fail_build(Database& database, const Registration& registration, const std::string& reason,
                Time now) {
    end_operation(database, registration,
                  {.state = images::ImageState::failed, .reason = reason, .now = now});
}

void withdraw_build(Database& database, const Registration& registration, Time now) {
    end_operation(database, registration,
                  {.state = images::ImageState::deregistered,
                   .reason = "the build was canceled",
                   .now = now});
}

}  // namespace kiln::builder
