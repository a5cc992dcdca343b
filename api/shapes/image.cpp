#include "api/shapes/image.hpp"

#include "api/shapes/common.hpp"

namespace kiln::api {

namespace {

using images::ImageBlockDevice;

/// About that of the PV-GRUB of the same name: clients sort images by their dates.
constexpr std::string_view date_of_kernels = "2013-09-01";

std::optional<images::StateReason> failure_of(const images::Image& image) {
    if (image.state_reason.empty()) return std::nullopt;
    return images::StateReason{.code = "Server.InternalError", .message = image.state_reason};
}

/// EC2 does not list the root of an instance-store image.
std::vector<ImageBlockDevice> shown_devices(const images::Image& image) {
    std::vector<ImageBlockDevice> devices = image.block_devices;
    if (image.root_device_type == images::DeviceType::instance_store) {
        std::erase_if(devices, [&](const ImageBlockDevice& device) {
            return device.device_name == image.root_device_name;
        });
    }
    return devices;
}

/// What it asks of the machine.
void add_machine(Structure<ImageView>& s) {
    using View = ImageView;
    s.text("BootMode", "bootMode",
           [](const View& v) { return std::string(to_text(v.image.boot_mode)); })
        .text("TpmSupport", "tpmSupport", [](const View& v) { return if_any(v.image.tpm_support); })
        // kiln's own: EC2 shows it in the UEFI data alone.
        .boolean("SecureBoot", "secureBoot",
                 [](const View& v) -> std::optional<bool> {
                     if (!v.image.secure_boot) return std::nullopt;
                     return true;
                 })
        .text("ImdsSupport", "imdsSupport",
              [](const View& v) { return if_any(v.image.imds_support); });
}

/// Where it comes from, and how long it is there.
void add_life(Structure<ImageView>& s) {
    using View = ImageView;
    s.text("DeprecationTime", "deprecationTime",
           [](const View& v) { return if_any(v.image.deprecated); })
        .text("DeregistrationProtection", "deregistrationProtection",
              [](const View& v) { return deregistration_protection_of(v.image); })
        .text("LastLaunchedTime", "lastLaunchedTime",
              [](const View& v) { return if_any(v.image.last_launched); })
        .boolean("ImageAllowed", "imageAllowed", [](const View& v) { return v.allowed; })
        .text("SourceInstanceId", "sourceInstanceId",
              [](const View& v) -> std::optional<std::string> {
                  if (!v.image.source_instance) return std::nullopt;
                  return v.image.source_instance->str();
              })
        .text("SourceImageId", "sourceImageId",
              [](const View& v) -> std::optional<std::string> {
                  if (!v.image.source_image) return std::nullopt;
                  return v.image.source_image->str();
              })
        .text("SourceImageRegion", "sourceImageRegion",
              [](const View& v) { return if_any(v.image.source_region); });
}

Structure<ImageView> make_image_structure() {
    using View = ImageView;
    Structure<View> s;
    s.text("ImageId", "imageId", [](const View& v) { return v.id(); })
        .text("ImageLocation", "imageLocation", [](const View& v) { return v.location(); })
        .text("State", "imageState",
              [](const View& v) { return std::string(to_text(v.image.state)); })
        .text("OwnerId", "imageOwnerId", [](const View& v) { return v.image.owner.str(); })
        .text("CreationDate", "creationDate",
              [](const View& v) { return format_time(v.image.created); })
        .text("ImageOwnerAlias", "imageOwnerAlias",
              [](const View& v) { return if_any(v.owner_alias()); })
        .boolean("Public", "isPublic", [](const View& v) { return v.image.is_public; })
        .list(
            "ProductCodes", "productCodes", product_code_structure(),
            [](const View& v) -> const auto& { return v.product_codes; })
        .text("Architecture", "architecture",
              [](const View& v) { return std::string(to_text(v.image.architecture)); })
        .text("ImageType", "imageType", [](const View& v) { return v.type(); })
        .text("KernelId", "kernelId", [](const View& v) { return if_any(v.image.kernel_id); })
        .text("RamdiskId", "ramdiskId", [](const View& v) { return if_any(v.image.ramdisk_id); })
        .text("Platform", "platform", [](const View& v) { return if_any(v.image.platform); })
        .text("PlatformDetails", "platformDetails",
              [](const View& v) { return platform_details(v.image.platform); })
        .text("UsageOperation", "usageOperation",
              [](const View& v) { return usage_operation(v.image.platform); })
        .structure("StateReason", "stateReason", state_reason_structure(),
                   [](const View& v) { return failure_of(v.image); })
        .text("Name", "name", [](const View& v) { return v.image.name; })
        .text("Description", "description",
              [](const View& v) { return if_any(v.image.description); })
        .text("RootDeviceType", "rootDeviceType",
              [](const View& v) { return std::string(to_text(v.image.root_device_type)); })
        .text("RootDeviceName", "rootDeviceName",
              [](const View& v) { return v.image.root_device_name; })
        .list("BlockDeviceMappings", "blockDeviceMapping", image_block_device_structure(),
              [](const View& v) { return shown_devices(v.image); })
        .text("VirtualizationType", "virtualizationType",
              [](const View& v) { return std::string(to_text(v.image.virtualization_type)); })
        .list(
            "Tags", "tagSet", tag_structure(), [](const View& v) -> const auto& { return v.tags; })
        // EC2 knows "ovm" and "xen" alone, and clients refuse other words.
        .text("Hypervisor", "hypervisor", [](const View&) { return std::string("xen"); })
        .boolean("EnaSupport", "enaSupport", [](const View&) { return true; });
    add_machine(s);
    add_life(s);
    return s;
}

}  // namespace

std::string ImageView::location() const {
    if (!image.location.empty()) return image.location;
    return image.owner.str() + "/" + image.name;
}

std::vector<ImageView> kernel_views() {
    std::vector<ImageView> views;
    for (const images::PvKernel& kernel : images::pv_kernels()) {
        views.push_back(
            {.image = {.id = ImageId::generate(),
                       .owner = AccountId(kernel_owner),
                       .name = kernel.name,
                       .state = images::ImageState::available,
                       .architecture = kernel.architecture,
                       .virtualization_type = images::VirtualizationType::paravirtual,
                       .is_public = true,
                       .created = parse_time(date_of_kernels).value(),
                       .root_device_type = images::DeviceType::instance_store,
                       .location = std::string("kernels/") + kernel.name + ".manifest.xml"},
             .kernel = &kernel});
    }
    return views;
}

std::string deregistration_protection_of(const images::Image& image) {
    if (image.protected_until) return "disabled-after-" + format_time(*image.protected_until);
    return std::string(to_text(image.deregistration_protection));
}

const Structure<ImageBlockDevice>& image_block_device_structure() {
    using Device = ImageBlockDevice;
    static const auto ebs =
        Structure<Device>()
            .boolean("DeleteOnTermination", "deleteOnTermination",
                     [](const Device& d) { return d.delete_on_termination; })
            .text("SnapshotId", "snapshotId",
                  [](const Device& d) -> std::optional<std::string> {
                      if (!d.snapshot) return std::nullopt;
                      return d.snapshot->str();
                  })
            .integer("VolumeSize", "volumeSize",
                     [](const Device& d) {
                         return static_cast<std::int64_t>(d.volume_size.in_gibibytes());
                     })
            .text("VolumeType", "volumeType", [](const Device& d) { return d.volume_type; })
            .boolean("Encrypted", "encrypted", [](const Device& d) { return d.encrypted; });
    static const auto structure =
        Structure<Device>()
            .text("DeviceName", "deviceName", [](const Device& d) { return d.device_name; })
            .text("VirtualName", "virtualName",
                  [](const Device& d) { return if_any(d.virtual_name); })
            .structure("Ebs", "ebs", ebs, [](const Device& d) -> std::optional<Device> {
                if (!d.virtual_name.empty()) return std::nullopt;
                return d;
            });
    return structure;
}

const Structure<ImageView>& image_structure() {
    static const Structure<ImageView> structure = make_image_structure();
    return structure;
}

}  // namespace kiln::api
