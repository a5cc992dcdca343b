#include <fmt/format.h>
#include <guestfs.h>

#include <algorithm>
#include <array>

#include "builder/inspection/guestfs_texts.hpp"
#include "builder/inspection/mounted_disk.hpp"

namespace kiln::builder {

namespace {

/// "/dev/sdb1" and "btrfsvol:/dev/sdb1/@" are on "/dev/sdb".
bool is_on(const std::string& device, const std::string& disk) {
    const std::size_t at = device.find(disk);
    if (at == std::string::npos) return false;
    const std::size_t end = at + disk.size();
    return end == device.size() || (device[end] >= '0' && device[end] <= '9') || device[end] == '/';
}

bool holds_files(const std::string& type) {
    constexpr std::array<std::string_view, 4> others{"", "unknown", "swap", "crypto_LUKS"};
    return std::ranges::find(others, type) == others.end();
}

std::string largest_file_system(GuestfsAppliance& appliance, const std::string& disk) {
    const auto pairs = take_list(guestfs_list_filesystems(appliance.handle()));
    std::string largest;
    std::int64_t largest_size = -1;
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        if (!is_on(pairs[i], disk) || !holds_files(pairs[i + 1])) continue;
        const std::int64_t size = std::max<std::int64_t>(
            0, guestfs_blockdev_getsize64(appliance.handle(), pairs[i].c_str()));
        if (size <= largest_size) continue;
        largest = pairs[i];
        largest_size = size;
    }
    if (!largest.empty()) return largest;
    throw Error("InspectionFailed", "", "no file system was found on the disk");
}

/// The disks may be copies of each other, so that what a UUID of /etc/fstab is looked up by finds
/// the other disk's: the same partition of its own is meant.
std::string own_device(const std::string& device, const std::string& own_disk,
                       const std::vector<std::string>& disks) {
    if (is_on(device, own_disk)) return device;
    for (const std::string& disk : disks) {
        if (!is_on(device, disk)) continue;
        std::string own = device;  // "btrfsvol:/dev/sda2/home" is on "/dev/sda", too
        return own.replace(own.find(disk), disk.size(), own_disk);
    }
    return "";
}

std::vector<std::pair<std::string, std::string>> mounts_of(GuestfsAppliance& appliance,
                                                           const SystemPlace& place,
                                                           const std::vector<std::string>& disks) {
    const auto pairs =
        take_list(guestfs_inspect_get_mountpoints(appliance.handle(), place.device.c_str()));
    std::vector<std::pair<std::string, std::string>> mounts{{"/", place.device}};
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        const std::string device = own_device(pairs[i + 1], place.disk, disks);
        if (pairs[i] != "/" && !device.empty()) mounts.emplace_back(pairs[i], device);
    }
    std::ranges::sort(mounts);  // a mount point comes after those that it lies in
    return mounts;
}

}  // namespace

std::vector<SystemPlace> find_systems(GuestfsAppliance& appliance,
                                      const std::vector<std::string>& disks) {
    char** list = guestfs_inspect_os(appliance.handle());
    if (list == nullptr) throw appliance.failure("the disks cannot be inspected");
    const std::vector<std::string> roots = take_list(list);
    for (const std::string& root : roots) {
        if (std::ranges::any_of(disks, [&](const auto& disk) { return is_on(root, disk); }))
            continue;
        throw Error("InspectionFailed", "",
                    fmt::format("a system lies on '{}': LVM, RAID and encrypted volumes are not "
                                "looked into. Boot an instance of the image to look at it",
                                root));
    }
    std::vector<SystemPlace> places;
    for (const std::string& disk : disks) {
        const auto is_own = [&](const std::string& root) { return is_on(root, disk); };
        const auto count = std::ranges::count_if(roots, is_own);
        if (count > 1) {
            throw Error("InspectionFailed", "",
                        "more than one operating system was found on a disk");
        }
        SystemPlace place{.disk = disk, .is_inspected = count == 1};
        if (count == 1) {
            place.device = *std::ranges::find_if(roots, is_own);
            place.mounts = mounts_of(appliance, place, disks);
        } else {
            place.device = largest_file_system(appliance, disk);
            place.mounts = {{"/", place.device}};
        }
        places.push_back(std::move(place));
    }
    return places;
}

}  // namespace kiln::builder
