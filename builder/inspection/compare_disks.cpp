#include "builder/inspection/compare_disks.hpp"

#include <guestfs.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "builder/inspection/guestfs_texts.hpp"
#include "builder/inspection/mounted_disk.hpp"

namespace kiln::builder {

namespace {

using Digests = std::map<std::string, std::string>;  // by path

DiskContent read_disk(MountedDisk& disk, const DisksToCompare& wanted) {
    DiskContent content{.file_system = disk.file_system_id(), .packages = disk.packages()};
    if (!wanted.packages_only) content.files = disk.files(wanted.below);
    return content;
}

DiskTotals totals_of(const DiskContent& content) {
    DiskTotals totals{.files = content.files.size()};
    for (const FileEntry& file : content.files)
        if (S_ISREG(file.mode)) totals.size.value += file.size;
    return totals;
}

const FileEntry& entry_at(const DiskContent& content, const std::string& path) {
    return *std::ranges::lower_bound(content.files, path, {}, &FileEntry::path);
}

Digests read_digests(MountedDisk& disk, const DiskContent& content,
                     const std::vector<std::string>& paths) {
    Digests digests;
    for (const std::string& path : paths)
        digests[path] = disk.content(path, entry_at(content, path).size);
    return digests;
}

/// Takes those out that are too large to be read, which are other ones by their times.
std::set<std::string> take_large(const DiskContent& content, std::vector<std::string>& paths) {
    std::set<std::string> large;
    std::erase_if(paths, [&](const std::string& path) {
        const bool is_large = entry_at(content, path).size > largest_read_file;
        if (is_large) large.insert(path);
        return is_large;
    });
    return large;
}

DiskDifference difference(const DiskContent& before, const DiskContent& after,
                          const std::set<std::string>& other_contents) {
    DiskDifference found{.files = file_changes(before, after, other_contents),
                         .before = totals_of(before),
                         .after = totals_of(after)};
    if (before.packages && after.packages)
        found.packages = package_changes(*before.packages, *after.packages);
    return found;
}

}  // namespace

DiskDifference compare_disks(const DisksToCompare& disks) {
    GuestfsAppliance appliance(disks.use_kvm, disks.time_limit);
    appliance.add_disk(disks.before);
    appliance.add_disk(disks.after);
    appliance.launch();
    disks.on_open();
    const std::vector<std::string> devices = take_list(guestfs_list_devices(appliance.handle()));
    if (devices.size() != 2) throw appliance.failure("the disks cannot be found");
    const std::vector<SystemPlace> places = find_systems(appliance, devices);

    const auto read = [&](const SystemPlace& place) {
        MountedDisk disk(appliance, place, disks.limits);
        return read_disk(disk, disks);
    };
    const DiskContent before = read(places.front());
    const DiskContent after = read(places.back());
    std::vector<std::string> paths = contents_to_compare(before, after);
    std::set<std::string> other_contents = take_large(before, paths);
    if (paths.empty()) return difference(before, after, other_contents);

    const auto digests = [&](const SystemPlace& place, const DiskContent& content) {
        MountedDisk disk(appliance, place, disks.limits);
        return read_digests(disk, content, paths);
    };
    const Digests old_digests = digests(places.front(), before);
    const Digests new_digests = digests(places.back(), after);
    for (const std::string& path : paths)
        if (old_digests.at(path) != new_digests.at(path)) other_contents.insert(path);
    return difference(before, after, other_contents);
}

}  // namespace kiln::builder
