#include "builder/inspection/inspect_image.hpp"
#include "api/action.hpp"
#include "api/server/appliance_turn.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    builder::InspectedImage inspected;
    launcher::OsProfile profile;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("ImageId", "imageId", [](const Result& r) { return r.inspected.image.id.str(); })
        .text("OperatingSystem", "operatingSystem",
              [](const Result& r) { return if_any(r.inspected.found.product); })
        .text("OsId", "osId", [](const Result& r) { return if_any(r.inspected.found.os_id); })
        .text("Distribution", "distribution",
              [](const Result& r) { return if_any(r.inspected.found.distribution); })
        .text("Architecture", "architecture",
              [](const Result& r) { return if_any(r.inspected.found.architecture); })
        .text("Platform", "platform",
              [](const Result& r) { return if_any(r.inspected.image.platform); })
        .text("BootMode", "bootMode",
              [](const Result& r) { return std::string(to_text(r.inspected.image.boot_mode)); })
        .text("TpmSupport", "tpmSupport",
              [](const Result& r) { return if_any(r.inspected.image.tpm_support); })
        .text("DiskBus", "diskBus",
              [](const Result& r) {
                  return std::string(r.profile.disk_bus == hypervisor::DiskBus::sata ? "sata"
                                                                                     : "virtio");
              })
        .text("NetworkCard", "networkCard",
              [](const Result& r) {
                  return std::string(r.profile.card == hypervisor::CardModel::e1000e ? "e1000e"
                                                                                     : "virtio");
              })
        .integer("LeastMemoryInMiB", "leastMemoryInMiB",
                 [](const Result& r) -> std::optional<std::int64_t> {
                     if (r.profile.least_memory.value == 0) return std::nullopt;
                     return static_cast<std::int64_t>(r.profile.least_memory.in_mebibytes());
                 });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto turn = take_appliance_turn();
    Result result{.inspected = builder::inspect_image(services.database, services.regions,
                                                      services.accelerators, caller,
                                                      ImageId(arguments.required_text("ImageId")))};
    const images::Image& image = result.inspected.image;
    result.profile = services.launcher.profile_of(image);
    return result;
}

}  // namespace

Action inspect_image() {
    return with_handler<Result>(
        {.name = "InspectImage",
         .summary = "Look into an image of yours, and give its guests the devices that their "
                    "operating system has drivers for",
         .example = "kiln inspect-image --image-id ami-0123456789abcdef0",
         .parameters = {image_id_parameter("An image of yours"), dry_run_parameter()},
         .table = {.columns = {"ImageId", "OperatingSystem", "OsId", "Platform", "BootMode",
                               "DiskBus", "NetworkCard"}},
         .is_local = true},
        output(), handle);
}

}  // namespace kiln::api
