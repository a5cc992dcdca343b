#include "launcher/bundles/image_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "images/bundles/bundle_manifest.hpp"
#include "images/bundles/object_name.hpp"
#include "images/bundles/transfer.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/firmware/check_firmware.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/volumes/requests.hpp"

namespace kiln::launcher {

namespace {

using images::Image;
using images::ImageBlockDevice;
using nlohmann::json;

constexpr int document_version = 1;
constexpr std::size_t max_text_bytes = 1024;
constexpr std::size_t max_system_bytes = 128;

Error invalid(const std::string& why) {
    return {images::invalid_image_file, "",
            fmt::format("the stored image's document is not valid: {}", why)};
}

void require(bool holds, const std::string& why) {
    if (!holds) throw invalid(why);
}

std::string text_of(const json& object, const char* name) {
    std::string text = object.at(name).get<std::string>();
    require(text.size() <= max_text_bytes && images::is_plain_text(text),
            fmt::format("'{}' is no plain text of at most {} bytes", name, max_text_bytes));
    return text;
}

ImageBlockDevice read_device(const json& object) {
    ImageBlockDevice device{.device_name = text_of(object, "device_name"),
                            .volume_size = {object.at("volume_size").get<std::uint64_t>()},
                            .volume_type = text_of(object, "volume_type"),
                            .delete_on_termination = object.at("delete_on_termination").get<bool>(),
                            .virtual_name = text_of(object, "virtual_name"),
                            .encrypted = object.value("encrypted", false)};
    require(is_device_name(device.device_name),
            fmt::format("'{}' is no device's name", device.device_name));
    require(device.volume_size <= max_volume_size, "a device is larger than a volume may be");
    return device;
}

/// An ephemeral disk, or a volume that is made of a file or empty.
void check_kind(const ImageBlockDevice& device, bool is_file) {
    if (!device.virtual_name.empty()) {
        require(is_ephemeral_name(device.virtual_name),
                fmt::format("'{}' is no ephemeral disk's name", device.virtual_name));
        require(!is_file && device.volume_type.empty() && !device.encrypted,
                "an ephemeral disk is described as a volume");
        return;
    }
    require(std::ranges::find(volume_types, device.volume_type) != volume_types.end(),
            fmt::format("'{}' is no volume's type", device.volume_type));
    require(device.volume_size.value > 0, "a volume has no size");
    require(!is_file || !device.encrypted,
            "a disk that is stored in clear is said to be encrypted");
}

std::vector<images::Tag> read_tags(const json& document) {
    std::vector<images::Tag> tags;
    std::set<std::string> keys;
    for (const json& object : document.value("tags", json::array())) {
        require(tags.size() < images::max_tags_per_resource, "it has too many tags");
        tags.push_back({.key = text_of(object, "key"), .value = text_of(object, "value")});
        images::check_tag(tags.back());
        require(keys.insert(tags.back().key).second, "it has a tag twice");
    }
    return tags;
}

/// Of documents that were written when neither a kernel of an hvm image nor a boot mode of another
/// architecture did anything.
void forget_what_made_no_difference(Image& image) {
    if (image.virtualization_type == images::VirtualizationType::hvm) {
        image.kernel_id.clear();
        image.ramdisk_id.clear();
    }
    if (image.architecture != images::Architecture::x86_64)
        image.boot_mode = images::default_boot_mode(image.architecture);
}

/// All but the block devices.
Image read_image(const json& document) {
    Image image{.id = ImageId::generate(),
                .owner = AccountId::generate(),
                .name = text_of(document, "name"),
                .description = text_of(document, "description"),
                .state = images::ImageState::pending,
                .architecture = images::parse_architecture(text_of(document, "architecture")),
                .virtualization_type =
                    images::parse_virtualization_type(text_of(document, "virtualization_type")),
                .boot_mode = images::parse_boot_mode(text_of(document, "boot_mode")),
                .root_device_name = text_of(document, "root_device_name"),
                .kernel_id = text_of(document, "kernel_id"),
                .ramdisk_id = text_of(document, "ramdisk_id"),
                .platform = text_of(document, "platform"),
                .login_user = text_of(document, "login_user"),
                .imds_support = document.value("imds_support", ""),
                .tpm_support = document.value("tpm_support", ""),
                .secure_boot = document.value("secure_boot", false),
                .os_id = document.value("os_id", ""),
                .drivers = document.value("drivers", "")};
    if (!document.contains("tpm_support")) forget_what_made_no_difference(image);
    images::check_image_name(image.name);
    check_description(image.description);
    require(images::is_user_name(image.login_user),
            fmt::format("'{}' is no user's name", image.login_user));
    require(image.imds_support.empty() || image.imds_support == images::imds_tokens_alone,
            fmt::format("'{}' is no support of the metadata service", image.imds_support));
    for (const std::string& text : {image.os_id, image.drivers}) {
        require(text.size() <= max_system_bytes && images::is_plain_text(text),
                "what it says of the operating system is no plain text");
    }
    return image;
}

void check_devices(const ImageDocument& read, std::size_t file_count) {
    std::set<std::string> names;
    bool has_root = false;
    std::size_t files = 0;
    for (std::size_t i = 0; i < read.is_file.size(); ++i) {
        const ImageBlockDevice& device = read.image.block_devices[i];
        require(names.insert(device.device_name).second, "it names a device twice");
        files += read.is_file[i] ? 1U : 0U;
        has_root =
            has_root || (read.is_file[i] && device.device_name == read.image.root_device_name);
    }
    require(names.size() <= max_disks, "it has too many devices");
    require(has_root, "it has no disk for its root device");
    require(files == file_count,
            fmt::format("it speaks of {} disks, and {} are stored", files, file_count));
}

ImageDocument read(const std::string& text, std::size_t file_count) {
    const json document = json::parse(text);
    require(document.at("version").get<int>() == document_version, "it is of another version");
    ImageDocument made{.image = read_image(document),
                       .is_file = {},
                       .tags = read_tags(document),
                       .uefi_data = document.value("uefi_data", "")};
    images::check_kernel(made.image.virtualization_type, made.image.architecture,
                         made.image.kernel_id, made.image.ramdisk_id);
    images::check_firmware(made.image, made.uefi_data);
    for (const json& object : document.at("block_devices")) {
        require(made.is_file.size() < images::max_bundle_mappings, "it has too many devices");
        made.image.block_devices.push_back(read_device(object));
        made.is_file.push_back(object.at("is_file").get<bool>());
        check_kind(made.image.block_devices.back(), made.is_file.back());
    }
    check_devices(made, file_count);
    return made;
}

}  // namespace

std::string to_document(const Image& image, const std::vector<images::Tag>& tags,
                        const std::string& uefi_data) {
    json tag_list = json::array();
    for (const images::Tag& tag : tags)
        tag_list.push_back({{"key", tag.key}, {"value", tag.value}});
    json devices = json::array();
    for (const ImageBlockDevice& device : image.block_devices) {
        devices.push_back({{"device_name", device.device_name},
                           {"is_file", device.snapshot.has_value()},
                           {"volume_size", device.volume_size.value},
                           {"volume_type", device.volume_type},
                           {"delete_on_termination", device.delete_on_termination},
                           {"virtual_name", device.virtual_name},
                           {"encrypted", device.encrypted}});
    }
    const json document{{"version", document_version},
                        {"name", image.name},
                        {"description", image.description},
                        {"architecture", images::to_text(image.architecture)},
                        {"virtualization_type", images::to_text(image.virtualization_type)},
                        {"boot_mode", images::to_text(image.boot_mode)},
                        {"root_device_name", image.root_device_name},
                        {"kernel_id", image.kernel_id},
                        {"ramdisk_id", image.ramdisk_id},
                        {"platform", image.platform},
                        {"login_user", image.login_user},
                        {"imds_support", image.imds_support},
                        {"tpm_support", image.tpm_support},
                        {"secure_boot", image.secure_boot},
                        {"uefi_data", uefi_data},
                        {"os_id", image.os_id},
                        {"drivers", image.drivers},
                        {"block_devices", devices},
                        {"tags", tag_list}};
    return document.dump();
}

ImageDocument parse_document(const std::string& document, std::size_t file_count) {
    try {
        return read(document, file_count);
    } catch (const json::exception& error) {
        throw invalid(error.what());
    } catch (const Error& error) {
        if (error.code() == images::invalid_image_file) throw;
        throw invalid(error.message());
    }
}

}  // namespace kiln::launcher
