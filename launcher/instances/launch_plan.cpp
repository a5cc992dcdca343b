#include "launcher/instances/launch_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/snapshot.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

using images::ImageBlockDevice;

constexpr std::size_t max_description_length = 255;
constexpr std::size_t max_client_token_length = 64;
constexpr std::string_view ephemeral = "ephemeral";

[[noreturn]] void refuse(const std::string& device, const std::string& why) {
    throw Error("InvalidBlockDeviceMapping", device,
                fmt::format("Invalid mapping of device '{}': {}", device, why));
}

/// One or two letters and up to two digits: "f", "ab", "a1".
bool is_letters_and_number(std::string_view text) {
    const auto in = [](char first, char last) {
        return [first, last](char c) { return c >= first && c <= last; };
    };
    const auto number = std::ranges::find_if_not(text, in('a', 'z'));
    const auto letters = number - text.begin();
    const auto digits = text.end() - number;
    return letters >= 1 && letters <= 2 && digits <= 2 &&
           std::all_of(number, text.end(), in('0', '9'));
}

void apply(const BlockDeviceOverride& change, ImageBlockDevice& device, bool is_root) {
    if (change.snapshot && is_root && change.snapshot != device.snapshot) {
        refuse(device.device_name, "the snapshot of the root device cannot be changed at launch");
    }
    if (change.snapshot) device.snapshot = change.snapshot;
    if (change.volume_size && device.snapshot && *change.volume_size < device.volume_size) {
        refuse(device.device_name,
               fmt::format("Volume of size {}GB is smaller than snapshot '{}', expect size >= {}GB",
                           change.volume_size->in_gibibytes(), device.snapshot->str(),
                           device.volume_size.in_gibibytes()));
    }
    if (change.volume_size) device.volume_size = *change.volume_size;
    if (change.volume_type) device.volume_type = *change.volume_type;
    if (change.delete_on_termination) device.delete_on_termination = *change.delete_on_termination;
    // What a snapshot has to say of it is learned from the catalog.
    if (change.snapshot) device.encrypted = false;
    if (change.encryption.encrypted) device.encrypted = *change.encryption.encrypted;
}

/// "ephemeral0" to "ephemeral23" give 0 to 23.
std::optional<std::size_t> find_disk_number(std::string_view name) {
    if (!name.starts_with(ephemeral)) return std::nullopt;
    for (std::size_t number = 0; number < max_disks; ++number) {
        if (name.substr(ephemeral.size()) == std::to_string(number)) return number;
    }
    return std::nullopt;
}

std::size_t disk_number(const BlockDeviceOverride& change) {
    if (const auto number = find_disk_number(change.virtual_name)) return *number;
    refuse(change.device_name,
           fmt::format("the VirtualName '{}' is none of ephemeral0 to ephemeral{}",
                       change.virtual_name, max_disks - 1));
}

void check_ephemeral(const BlockDeviceOverride& change) {
    disk_number(change);
    const bool is_volume = change.snapshot || change.volume_size || change.volume_type ||
                           change.delete_on_termination || change.encryption.encrypted;
    if (!is_volume) return;
    refuse(change.device_name, "it is either an ephemeral disk (VirtualName) or a volume (Ebs)");
}

ImageBlockDevice ephemeral_device(const std::string& device_name, const std::string& virtual_name) {
    return {.device_name = device_name, .volume_type = "", .virtual_name = virtual_name};
}

/// Replaces what the mapping had there.
void map_ephemeral(std::vector<ImageBlockDevice>& devices, const BlockDeviceOverride& change) {
    check_ephemeral(change);
    std::erase_if(devices, [&](const ImageBlockDevice& device) {
        return device.device_name == change.device_name;
    });
    devices.push_back(ephemeral_device(change.device_name, change.virtual_name));
}

bool is_ephemeral(const ImageBlockDevice& device) {
    return device.virtual_name.starts_with(ephemeral);
}

/// The next of /dev/sdb, /dev/sdc, … that no device has, under whichever of its names.
std::string free_device_name(const std::vector<ImageBlockDevice>& devices) {
    for (char letter = 'b'; letter <= 'z'; ++letter) {
        const bool taken = std::ranges::any_of(devices, [&](const ImageBlockDevice& device) {
            const std::size_t begin =
                device.device_name.find('d', device.device_name.rfind('/') + 1);
            return begin != std::string::npos && device.device_name[begin + 1] == letter;
        });
        if (!taken) return std::string("/dev/sd") + letter;
    }
    refuse("/dev/sdz", "every device name is taken");
}

/// Gives the ephemeral devices the sizes of the type's disks, drops those that it does not have,
/// and adds those that are there unasked.
void fit_to_type(std::vector<ImageBlockDevice>& devices, const InstanceType& type) {
    std::vector<bool> mapped(type.storage.size(), false);
    std::erase_if(devices, [&](ImageBlockDevice& device) {
        if (!is_ephemeral(device)) return false;
        const std::size_t number =
            disk_number({.device_name = device.device_name, .virtual_name = device.virtual_name});
        if (number >= type.storage.size() || mapped[number]) return true;
        mapped[number] = true;
        device.volume_size = type.storage[number];
        return false;
    });
    for (std::size_t number = 0; number < type.storage.size(); ++number) {
        if (mapped[number] || !type.storage_is_nvme) continue;
        devices.push_back(
            ephemeral_device(free_device_name(devices), fmt::format("{}{}", ephemeral, number)));
        devices.back().volume_size = type.storage[number];
    }
}

ImageBlockDevice new_device(const BlockDeviceOverride& change) {
    if (!change.volume_size && !change.snapshot) {
        refuse(change.device_name, "a new volume needs Ebs.VolumeSize or Ebs.SnapshotId");
    }
    return {.device_name = change.device_name,
            .snapshot = change.snapshot,
            .volume_size = change.volume_size.value_or(Bytes{0}),
            .volume_type = change.volume_type.value_or("gp3"),
            // EC2's default for volumes that a launch adds, other than the root's.
            .delete_on_termination = change.delete_on_termination.value_or(false),
            .virtual_name = "",
            .encrypted = change.encryption.encrypted.value_or(false)};
}

/// A volume is encrypted as its snapshot is.
void check_encryption_of(const ImageBlockDevice& device, const images::Snapshot& snapshot,
                         const std::vector<BlockDeviceOverride>& overrides) {
    if (device.encrypted && !snapshot.key_id) {
        refuse(device.device_name,
               fmt::format("the snapshot '{}' is not encrypted: copy it, or its image, with "
                           "Encrypted, and use the copy",
                           snapshot.id.str()));
    }
    const auto change =
        std::ranges::find(overrides, device.device_name, &BlockDeviceOverride::device_name);
    if (change == overrides.end() || change->encryption.encrypted.value_or(true)) return;
    if (!snapshot.key_id) return;
    refuse(device.device_name,
           fmt::format("the snapshot '{}' is encrypted, and so is every volume made of it: leave "
                       "Encrypted out",
                       snapshot.id.str()));
}

void check_limits(const std::vector<ImageBlockDevice>& devices) {
    for (const ImageBlockDevice& device : devices) {
        if (device.volume_size <= max_volume_size) continue;
        refuse(device.device_name,
               fmt::format("a volume has at most {} GiB", max_volume_size.in_gibibytes()));
    }
    if (devices.size() <= max_disks) return;
    refuse(devices.back().device_name, fmt::format("an instance has at most {} disks", max_disks));
}

}  // namespace

void check_device_names(const std::vector<BlockDeviceOverride>& overrides) {
    std::set<std::string> seen;
    for (const BlockDeviceOverride& change : overrides) {
        check_device_name(change.device_name);
        if (!seen.insert(change.device_name).second)
            refuse(change.device_name, "it is named twice");
    }
}

bool is_ephemeral_name(std::string_view name) {
    return find_disk_number(name).has_value();
}

bool is_device_name(const std::string& name) {
    std::string_view rest = name;
    if (rest.starts_with("/dev/")) rest.remove_prefix(std::string_view("/dev/").size());
    constexpr std::array<std::string_view, 4> kinds{"sd", "xvd", "hd", "vd"};
    return std::ranges::any_of(kinds, [&](std::string_view kind) {
        return rest.starts_with(kind) && is_letters_and_number(rest.substr(kind.size()));
    });
}

void check_device_name(const std::string& name) {
    if (!is_device_name(name)) refuse(name, "expecting a name like /dev/sdf or /dev/xvdb");
}

std::vector<ImageBlockDevice> plan_block_devices(const images::Image& image,
                                                 const std::vector<BlockDeviceOverride>& overrides,
                                                 const InstanceType& type) {
    check_device_names(overrides);
    std::vector<ImageBlockDevice> devices = image.block_devices;
    for (const BlockDeviceOverride& change : overrides) {
        const bool is_root = change.device_name == image.root_device_name;
        const auto existing =
            std::ranges::find(devices, change.device_name, &ImageBlockDevice::device_name);
        if (change.no_device && is_root) refuse(change.device_name, "an instance needs its root");
        if (is_root && image.root_device_type == images::DeviceType::instance_store)
            refuse(change.device_name, "the root of an instance-store image is as its bundle is");
        if (is_root && !change.virtual_name.empty())
            refuse(change.device_name, "the root cannot be an ephemeral disk");
        if (change.no_device) {
            if (existing != devices.end()) devices.erase(existing);
        } else if (!change.virtual_name.empty()) {
            map_ephemeral(devices, change);
        } else if (existing != devices.end() && !is_ephemeral(*existing)) {
            apply(change, *existing, is_root);
        } else {
            if (existing != devices.end()) devices.erase(existing);
            devices.push_back(new_device(change));
        }
    }
    return with_disks_of(type, std::move(devices));
}

std::vector<ImageBlockDevice> with_disks_of(const InstanceType& type,
                                            std::vector<ImageBlockDevice> devices) {
    fit_to_type(devices, type);
    check_limits(devices);
    std::ranges::sort(devices, {}, &ImageBlockDevice::device_name);
    return devices;
}

std::vector<ImageBlockDevice> plan_captured_devices(
    std::vector<ImageBlockDevice> devices, const std::vector<BlockDeviceOverride>& overrides) {
    check_device_names(overrides);
    for (const BlockDeviceOverride& change : overrides) {
        const auto existing =
            std::ranges::find(devices, change.device_name, &ImageBlockDevice::device_name);
        if (change.no_device) {
            if (existing != devices.end()) devices.erase(existing);
            continue;
        }
        if (!change.virtual_name.empty()) {
            if (existing != devices.end() && !is_ephemeral(*existing)) {
                refuse(change.device_name, "the instance has a volume there: say NoDevice first");
            }
            map_ephemeral(devices, change);
            continue;
        }
        if (existing == devices.end()) {
            devices.push_back(new_device(change));
            continue;
        }
        if (is_ephemeral(*existing)) {
            refuse(
                change.device_name,
                "it is an ephemeral disk, of which Ebs says nothing: say NoDevice to leave it out");
        }
        if (change.snapshot || change.volume_type || change.encryption.encrypted ||
            (change.volume_size && *change.volume_size != existing->volume_size)) {
            refuse(change.device_name,
                   "only DeleteOnTermination can be changed for a volume that the instance has");
        }
        if (change.delete_on_termination) {
            existing->delete_on_termination = *change.delete_on_termination;
        }
    }
    check_limits(devices);
    std::ranges::sort(devices, {}, &ImageBlockDevice::device_name);
    return devices;
}

void default_to_delete_on_termination(std::vector<ImageBlockDevice>& devices,
                                      const std::vector<BlockDeviceOverride>& overrides) {
    for (ImageBlockDevice& device : devices) {
        const auto asked =
            std::ranges::find(overrides, device.device_name, &BlockDeviceOverride::device_name);
        if (asked == overrides.end()) continue;
        device.delete_on_termination = asked->delete_on_termination.value_or(true);
    }
}

std::vector<ImageBlockDevice> with_snapshot_sizes(
    Session& session, std::vector<ImageBlockDevice> devices,
    const std::vector<BlockDeviceOverride>& overrides) {
    for (ImageBlockDevice& device : devices) {
        if (!device.snapshot) continue;
        const auto snapshot = images::find_snapshot(session, *device.snapshot);
        if (!snapshot) {
            throw Error("InvalidSnapshot.NotFound", device.snapshot->str(),
                        fmt::format("The snapshot '{}' does not exist.", device.snapshot->str()));
        }
        check_encryption_of(device, *snapshot, overrides);
        device.encrypted = snapshot->key_id.has_value();
        if (device.volume_size.value == 0) device.volume_size = snapshot->volume_size;
        if (device.volume_size >= snapshot->volume_size) continue;
        refuse(device.device_name,
               fmt::format("Volume of size {}GB is smaller than snapshot '{}', expect size >= {}GB",
                           device.volume_size.in_gibibytes(), snapshot->id.str(),
                           snapshot->volume_size.in_gibibytes()));
    }
    return devices;
}

void check_snapshots(Session& session, const images::Caller& caller,
                     const std::vector<BlockDeviceOverride>& overrides,
                     const std::vector<ImageBlockDevice>& own) {
    for (const BlockDeviceOverride& change : overrides) {
        if (!change.snapshot) continue;
        const auto known =
            std::ranges::find(own, change.device_name, &ImageBlockDevice::device_name);
        if (known != own.end() && known->snapshot == change.snapshot) continue;
        images::get_usable_snapshot(session, caller.scope(), *change.snapshot);
    }
}

void check_own_snapshots(Session& session, const images::Caller& caller,
                         const std::vector<BlockDeviceOverride>& overrides) {
    for (const BlockDeviceOverride& change : overrides) {
        if (!change.snapshot) continue;
        const auto snapshot =
            images::get_usable_snapshot(session, caller.scope(), *change.snapshot);
        if (snapshot.owner == caller.account) continue;
        throw Error(error_code::unsupported_operation, snapshot.id.str(),
                    fmt::format("The snapshot '{}' is shared with you, and an image needs one of "
                                "your own: make a volume of it and a snapshot of that.",
                                snapshot.id.str()));
    }
}

void check_description(const std::string& description) {
    if (description.size() <= max_description_length) return;
    throw Error(error_code::invalid_parameter_value, "Description",
                fmt::format("a description has at most {} characters", max_description_length));
}

void check_client_token(const std::string& token) {
    if (token.size() <= max_client_token_length) return;
    throw Error(error_code::invalid_parameter_value, "ClientToken",
                fmt::format("a ClientToken has at most {} characters", max_client_token_length));
}

void check_user_data(const std::string& base64) {
    const auto decoded = base64_decode(base64);
    if (!decoded) {
        throw Error(error_code::invalid_parameter_value, "UserData",
                    "Invalid BASE64 encoding of user data.");
    }
    if (decoded->size() > max_user_data_bytes) {
        throw Error(error_code::invalid_parameter_value, "UserData",
                    fmt::format("User data is limited to {} bytes; this has {}",
                                max_user_data_bytes, decoded->size()));
    }
}

}  // namespace kiln::launcher
