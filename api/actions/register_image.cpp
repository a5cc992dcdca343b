#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "base/error.hpp"
#include "images/firmware/check_firmware.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    ImageId image;
};

Structure<Result> output() {
    return Structure<Result>().text("ImageId", "imageId",
                                    [](const Result& r) { return r.image.str(); });
}

/// An image of snapshots needs them, other than one of a bundle.
void check_mapping(const Arguments& arguments) {
    for (const char* name : {"RootDeviceName", "BlockDeviceMapping"}) {
        const bool is_there = name == std::string_view("RootDeviceName")
                                  ? arguments.text(name).has_value()
                                  : !arguments.structures(name).empty();
        if (is_there) continue;
        throw Error(error_code::missing_parameter, name,
                    std::string("The request must contain the parameter ") + name +
                        ", or an ImageLocation");
    }
}

images::BootMode boot_mode_of(const Arguments& arguments, images::Architecture architecture) {
    if (const auto text = arguments.text("BootMode")) return images::parse_boot_mode(*text);
    return images::default_boot_mode(architecture);
}

/// EC2's default is paravirtual, from 2006; here it is what hosts run by themselves.
std::optional<images::VirtualizationType> virtualization_type_of(const Arguments& arguments) {
    const auto type = arguments.text("VirtualizationType");
    if (!type) return std::nullopt;
    return images::parse_virtualization_type(*type);
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::string location = arguments.text("ImageLocation").value_or("");
    if (location.empty()) check_mapping(arguments);
    const auto architecture =
        images::parse_architecture(arguments.text("Architecture").value_or("x86_64"));
    // EC2's default is i386, from 2006.
    return {services.launcher.register_image(
        caller, {.name = arguments.required_text("Name"),
                 .description = arguments.text("Description").value_or(""),
                 .architecture = architecture,
                 .virtualization_type = virtualization_type_of(arguments),
                 .boot_mode = boot_mode_of(arguments, architecture),
                 .imds_support = arguments.text("ImdsSupport").value_or(""),
                 .tpm_support = arguments.text("TpmSupport").value_or(""),
                 .uefi_data = arguments.text("UefiData").value_or(""),
                 .secure_boot = arguments.boolean("SecureBoot"),
                 .location = location,
                 .root_device_name = arguments.text("RootDeviceName").value_or(""),
                 .kernel_id = arguments.text("KernelId").value_or(""),
                 .ramdisk_id = arguments.text("RamdiskId").value_or(""),
                 .block_devices = block_devices_of(arguments),
                 .image_tags = tags_for(arguments, "image", {"image"})})};
}

std::vector<Parameter> parameters() {
    return {{.name = "Name", .wire = "Name", .required = true, .help = "Name of the image"},
            {.name = "ImageLocation",
             .wire = "ImageLocation",
             .help = "BUCKET/PREFIX.manifest.xml of a bundle: an instance-store image"},
            {.name = "Description", .wire = "Description", .help = "What the image is"},
            {.name = "Architecture",
             .wire = "Architecture",
             .help = "Architecture of its guests; default x86_64",
             .choices = {"i386", "x86_64", "arm64", "x86_64_mac"}},
            {.name = "VirtualizationType",
             .wire = "VirtualizationType",
             .help = "Default hvm",
             .choices = {"hvm", "paravirtual"}},
            {.name = "BootMode",
             .wire = "BootMode",
             .help = "Default legacy-bios, of arm64 and x86_64_mac uefi",
             .choices = {"legacy-bios", "uefi", "uefi-preferred"}},
            {.name = "TpmSupport",
             .wire = "TpmSupport",
             .help = "Its instances have a TPM; needs the boot mode uefi",
             .choices = {images::tpm_2_0}},
            {.name = "UefiData",
             .wire = "UefiData",
             .help = "UEFI variables that its instances begin with, as get-instance-uefi-data "
                     "prints them"},
            {.name = "SecureBoot",
             .wire = "SecureBoot",
             .shape = Shape::boolean,
             .help = "Its instances start signed boot loaders alone; needs the boot mode uefi. "
                     "Default as the UefiData has it, which is EC2's only way to say so"},
            {.name = "ImdsSupport",
             .wire = "ImdsSupport",
             .help = "Its instances ask for their metadata with tokens alone, unless the launch "
                     "says otherwise",
             .choices = {images::imds_tokens_alone}},
            {.name = "SriovNetSupport",
             .wire = "SriovNetSupport",
             .help = "Makes no difference: all guests have virtio network cards",
             .choices = {"simple"}},
            {.name = "EnaSupport",
             .wire = "EnaSupport",
             .shape = Shape::boolean,
             .help = "Makes no difference, either"},
            {.name = "RootDeviceName",
             .wire = "RootDeviceName",
             .help = "Device of the mapping that is the root: /dev/xvda; of a bundle its own"},
            {.name = "KernelId", .wire = "KernelId", .help = "Kernel of paravirtual images"},
            {.name = "RamdiskId", .wire = "RamdiskId", .help = "RAM disk of paravirtual images"},
            block_device_mappings_parameter(),
            tag_specifications_parameter(),
            dry_run_parameter()};
}

}  // namespace

Action register_image() {
    return with_handler<Result>(
        {.name = "RegisterImage",
         .summary = "Make an image of snapshots or of a bundle",
         .example =
             "kiln register-image --name web --root-device-name /dev/xvda "
             "--block-device-mappings DeviceName=/dev/xvda,Ebs={SnapshotId=snap-0123456789abcdef0}",
         .parameters = parameters(),
         .table = {.columns = {"ImageId"}}},
        output(), handle);
}

}  // namespace kiln::api
