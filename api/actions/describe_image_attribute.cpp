#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/image.hpp"
#include "api/shapes/launch_permission.hpp"
#include "base/database.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/market/product_code.hpp"

namespace kiln::api {

namespace {

using images::Image;

struct Result {
    Image image;
    std::vector<std::string> grantees;
    std::vector<std::string> product_codes;
    std::string uefi_data;
    std::string attribute;
};

/// {"Value": …} of the attribute that was asked for, nothing of the others. EC2 answers an
/// attribute that is not set with an empty structure.
template <class Get>
auto text_attribute(const char* name, Get get) {
    return [name, get](const Result& r) -> std::optional<std::string> {
        if (r.attribute != name) return std::nullopt;
        return std::string(get(r.image));
    };
}

Structure<Result> output() {
    const auto& text = value_structure();
    return Structure<Result>()
        .text("ImageId", "imageId", [](const Result& r) { return r.image.id.str(); })
        .list(
            "LaunchPermissions", "launchPermission", launch_permission_structure(),
            [](const Result& r) -> const auto& { return r.grantees; })
        .list(
            "ProductCodes", "productCodes", product_code_structure(),
            [](const Result& r) -> const auto& { return r.product_codes; })
        .structure("Description", "description", text,
                   text_attribute("description", [](const Image& i) { return i.description; }))
        .structure("KernelId", "kernel", text,
                   text_attribute("kernel", [](const Image& i) { return i.kernel_id; }))
        .structure("RamdiskId", "ramdisk", text,
                   text_attribute("ramdisk", [](const Image& i) { return i.ramdisk_id; }))
        .structure("BootMode", "bootMode", text,
                   text_attribute("bootMode", [](const Image& i) { return to_text(i.boot_mode); }))
        .structure("TpmSupport", "tpmSupport", text,
                   text_attribute("tpmSupport", [](const Image& i) { return i.tpm_support; }))
        .structure("UefiData", "uefiData", text,
                   [](const Result& r) -> std::optional<std::string> {
                       if (r.attribute != "uefiData") return std::nullopt;
                       return r.uefi_data;
                   })
        .structure("ImdsSupport", "imdsSupport", text,
                   text_attribute("imdsSupport", [](const Image& i) { return i.imds_support; }))
        .structure("DeregistrationProtection", "deregistrationProtection", text,
                   text_attribute("deregistrationProtection", deregistration_protection_of))
        .structure("LastLaunchedTime", "lastLaunchedTime", text,
                   text_attribute("lastLaunchedTime",
                                  [](const Image& i) {
                                      return i.last_launched ? format_time(*i.last_launched) : "";
                                  }))
        .list("BlockDeviceMappings", "blockDeviceMapping", image_block_device_structure(),
              [](const Result& r) {
                  return r.attribute == "blockDeviceMapping"
                             ? r.image.block_devices
                             : std::vector<images::ImageBlockDevice>();
              });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const ImageId id(arguments.required_text("ImageId"));
    const std::string attribute = arguments.required_text("Attribute");
    Result result = services.database.read([&](Session& session) {
        Result found{.image = images::get_own_image(session, caller.scope(), id),
                     .attribute = attribute};
        if (attribute == launch_permission) found.grantees = images::grantees_of(session, id);
        if (attribute == "productCodes")
            found.product_codes = images::product_codes_of(session, id.str());
        if (attribute == "uefiData") found.uefi_data = images::uefi_data_of(session, id);
        return found;
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_image_attribute() {
    return with_handler<Result>(
        {.name = "DescribeImageAttribute",
         .summary = "Show one attribute of an image of yours, such as who may launch it",
         .example = "kiln describe-image-attribute --image-id ami-0123456789abcdef0 "
                    "--attribute launchPermission",
         .parameters = {image_id_parameter("An image of yours"),
                        attribute_parameter(
                            "The attribute",
                            {launch_permission, "description", "productCodes", "kernel", "ramdisk",
                             "bootMode", "tpmSupport", "uefiData", "imdsSupport",
                             "blockDeviceMapping", "deregistrationProtection", "lastLaunchedTime"}),
                        dry_run_parameter()}},
        output(), handle);
}

}  // namespace kiln::api
