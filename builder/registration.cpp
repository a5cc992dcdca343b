#include "builder/registration.hpp"

#include <fmt/format.h>

#include "base/rollback.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/snapshot.hpp"

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

images::Image pending_image(const NewBuild& build, const ImageId& id) {
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
            .os_id = build.recipe.kind == RecipeKind::debian ? "debian12" : "",
            .purpose = build.recipe.kind == RecipeKind::pv_appliance ? images::pv_appliance : ""};
}

void end_operation(Database& database, const Registration& registration, images::ImageState state,
                   const std::string& reason) {
    database.write([&](Session& session) {
        images::set_image_state(session, registration.image, state, reason);
        images::delete_operation(session, registration.operation);
    });
}

}  // namespace

Registration register_build(Database& database, const NewBuild& build) {
    images::check_image_name(build.name);
    Registration registration{.image = ImageId::generate(), .operation = OperationId::generate()};
    database.write([&](Session& session) {
        images::insert_image(session, pending_image(build, registration.image));
        images::insert_operation(session, {.id = registration.operation,
                                           .kind = build_operation_kind,
                                           .owner = build.caller.account,
                                           .resource_id = registration.image.str(),
                                           .payload = "{}",
                                           .created = build.now});
        build.caller.stop_if_dry_run();  // after all checks; what was inserted is rolled back
    });
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
        images::insert_snapshot(session,
                                {.id = snapshot,
                                 .owner = build.caller.account,
                                 .region = region,
                                 .layer = layer,
                                 .state = images::SnapshotState::completed,
                                 .volume_size = build.recipe.size,
                                 .stored_size = pool.allocated_size(layer),
                                 .description = fmt::format("Created by BuildImage for {}",
                                                            build.registration.image.str()),
                                 .created = build.now});
        images::set_image_block_devices(session, build.registration.image,
                                        {{.device_name = root_device_name,
                                          .snapshot = snapshot,
                                          .volume_size = build.recipe.size}});
        images::set_image_state(session, build.registration.image, images::ImageState::available);
        images::delete_operation(session, build.registration.operation);
    });
    rollback.commit();
}

void fail_build(Database& database, const Registration& registration, const std::string& reason) {
    end_operation(database, registration, images::ImageState::failed, reason);
}

void withdraw_build(Database& database, const Registration& registration) {
    end_operation(database, registration, images::ImageState::deregistered,
                  "the build was canceled");
}

}  // namespace kiln::builder
