#include "builder/inspection/inspect_image.hpp"

#include "builder/inspection/root_snapshot.hpp"
#include "images/layers/checked_chain.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace {

using images::Image;

constexpr const char* windows_11 = "win11";

}  // namespace

void note(const Inspection& found, Image& image) {
    image.os_id = found.os_id;
    image.drivers = found.drivers;
    image.platform = found.type == windows_system ? images::windows_platform : "";
    if (image.virtualization_type == images::VirtualizationType::hvm && found.has_efi_partition &&
        !found.has_bios_loader && image.architecture == images::Architecture::x86_64 &&
        image.boot_mode == images::BootMode::legacy_bios) {
        image.boot_mode = images::BootMode::uefi;
    }
    if (found.os_id == windows_11 && image.boot_mode == images::BootMode::uefi)
        image.tpm_support = images::tpm_2_0;
}

InspectedImage inspect_image(Database& database, const launcher::Regions& regions,
                             const hypervisor::Accelerators& accelerators,
                             const images::Caller& caller, const ImageId& id) {
    const launcher::Region& region = regions.get(caller.region);
    auto reading = region.chains->read();
    const images::Snapshot root = database.read([&](Session& session) {
        return root_snapshot(session, images::get_own_image(session, caller.scope(), id));
    });
    caller.stop_if_dry_run();
    images::checked_chain(database, region.pool, region.name, *root.layer);
    Inspection found = inspect_disk({.file = region.pool.path_of(*root.layer),
                                     .use_kvm = accelerators.host_uses_kvm(),
                                     .on_open = [&] { reading.reset(); }});
    Image image = database.write([&](Session& session) {
        Image changed = images::get_own_image(session, caller.scope(), id);
        note(found, changed);
        images::update_image(session, changed);
        return changed;
    });
    return {.found = std::move(found), .image = std::move(image)};
}

}  // namespace kiln::builder
