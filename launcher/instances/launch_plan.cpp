#include "launcher/instances/launch_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/snapshot.hpp"

namespace kiln::launcher {

namespace {

using images::ImageBlockDevice;

constexpr std::size_t max_description_length = 255;
constexpr std::size_t max_client_token_length = 64;

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

void check_overrides(const std::vector<BlockDeviceOverride>& overrides) {
    std::set<std::string> seen;
    for (const BlockDeviceOverride& change : overrides) {
        check_device_name(change.device_name);
        if (!seen.insert(change.device_name).second)
            refuse(change.device_name, "it is named twice");
    }
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
            .delete_on_termination = change.delete_on_termination.value_or(false)};
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

std::vector<ImageBlockDevice> plan_block_devices(
    const images::Image& image, const std::vector<BlockDeviceOverride>& overrides) {
    check_overrides(overrides);
    std::vector<ImageBlockDevice> devices = image.block_devices;
    for (const BlockDeviceOverride& change : overrides) {
        const bool is_root = change.device_name == image.root_device_name;
        const auto existing =
            std::ranges::find(devices, change.device_name, &ImageBlockDevice::device_name);
        if (change.no_device && is_root) refuse(change.device_name, "an instance needs its root");
        if (change.no_device) {
            if (existing != devices.end()) devices.erase(existing);
        } else if (!change.virtual_name.empty()) {
            continue;  // no type here has instance storage
        } else if (existing != devices.end()) {
            apply(change, *existing, is_root);
        } else {
            devices.push_back(new_device(change));
        }
    }
    check_limits(devices);
    std::ranges::sort(devices, {}, &ImageBlockDevice::device_name);
    return devices;
}

std::vector<ImageBlockDevice> plan_captured_devices(
    std::vector<ImageBlockDevice> devices, const std::vector<BlockDeviceOverride>& overrides) {
    check_overrides(overrides);
    for (const BlockDeviceOverride& change : overrides) {
        const auto existing =
            std::ranges::find(devices, change.device_name, &ImageBlockDevice::device_name);
        if (change.no_device) {
            if (existing != devices.end()) devices.erase(existing);
            continue;
        }
        if (!change.virtual_name.empty()) continue;
        if (existing == devices.end()) {
            devices.push_back(new_device(change));
            continue;
        }
        if (change.snapshot || change.volume_type ||
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

std::vector<ImageBlockDevice> with_snapshot_sizes(Session& session,
                                                  std::vector<ImageBlockDevice> devices) {
    for (ImageBlockDevice& device : devices) {
        if (!device.snapshot) continue;
        const auto snapshot = images::find_snapshot(session, *device.snapshot);
        if (!snapshot) {
            throw Error("InvalidSnapshot.NotFound", device.snapshot->str(),
                        fmt::format("The snapshot '{}' does not exist.", device.snapshot->str()));
        }
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
