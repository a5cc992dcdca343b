#include "builder/export/guest_tree.hpp"

#include <fmt/format.h>
#include <guestfs.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "builder/inspection/guestfs_texts.hpp"

namespace kiln::builder {

GuestTree::GuestTree(const Disk& disk)
    : appliance_(disk.use_kvm, disk.time_limit),
      ends_on_stop_(disk.stop, [this] { appliance_.end(); }) {
    appliance_.add_writable_disk(disk.file);
    appliance_.launch();
    mount(find_root());
}

std::string GuestTree::find_root() {
    char** list = guestfs_inspect_os(appliance_.handle());
    if (list == nullptr) throw appliance_.failure("the disk cannot be inspected");
    const std::vector<std::string> roots = take_list(list);
    if (roots.size() == 1) return roots.front();
    throw Error("InspectionFailed", "",
                roots.empty() ? "no operating system was found on the disk"
                              : "more than one operating system was found on the disk");
}

/// In their order: a mount point comes after those that it lies in.
void GuestTree::mount(const std::string& root) {
    const std::vector<std::string> pairs =
        take_list(guestfs_inspect_get_mountpoints(appliance_.handle(), root.c_str()));
    const std::vector<std::string> there =
        take_list(guestfs_list_filesystems(appliance_.handle()));  // and what is on each
    std::vector<std::pair<std::string, std::string>> places;       // mount point, device
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
        places.emplace_back(pairs[i], pairs[i + 1]);
    std::ranges::sort(places);
    for (const auto& [place, device] : places) {
        // /etc/fstab may name disks that the image does not have.
        if (place != "/" && std::ranges::find(there, device) == there.end()) continue;
        check(guestfs_mount(appliance_.handle(), device.c_str(), place.c_str()),
              fmt::format("'{}' of the image cannot be mounted", place));
    }
}

bool GuestTree::is_directory(const std::string& path) {
    return guestfs_is_dir_opts(appliance_.handle(), path.c_str(),
                               GUESTFS_IS_DIR_OPTS_FOLLOWSYMLINKS, 1, -1) == 1;
}

bool GuestTree::is_file(const std::string& path) {
    return guestfs_is_file_opts(appliance_.handle(), path.c_str(),
                                GUESTFS_IS_FILE_OPTS_FOLLOWSYMLINKS, 1, -1) == 1;
}

std::string GuestTree::read(const std::string& path) {
    if (!is_file(path)) return "";
    std::size_t size = 0;
    const std::unique_ptr<char, decltype(&std::free)> content(
        guestfs_read_file(appliance_.handle(), path.c_str(), &size), &std::free);
    if (!content) throw appliance_.failure(fmt::format("cannot read '{}' of the image", path));
    return {content.get(), size};
}

void GuestTree::rewrite(const std::string& path, const std::string& content) {
    check(guestfs_write(appliance_.handle(), path.c_str(), content.data(), content.size()),
          fmt::format("cannot write '{}' of the image", path));
}

void GuestTree::write(const std::string& path, const std::string& content, const Rights& rights) {
    rewrite(path, content);
    guestfs_h* handle = appliance_.handle();
    const std::string what = fmt::format("cannot set who may read '{}' of the image", path);
    check(guestfs_chown(handle, rights.user, rights.group, path.c_str()), what);
    check(guestfs_chmod(handle, rights.mode, path.c_str()), what);
}

void GuestTree::make_directory(const std::string& path, const Rights& rights) {
    guestfs_h* handle = appliance_.handle();
    const std::string what = fmt::format("cannot make '{}' in the image", path);
    check(guestfs_mkdir_p(handle, path.c_str()), what);
    check(guestfs_chown(handle, rights.user, rights.group, path.c_str()), what);
    check(guestfs_chmod(handle, rights.mode, path.c_str()), what);
}

void GuestTree::make_link(const std::string& target, const std::string& path) {
    check(guestfs_ln_sf(appliance_.handle(), target.c_str(), path.c_str()),
          fmt::format("cannot make the link '{}' in the image", path));
}

void GuestTree::remove(const std::string& pattern) {
    for (const std::string& path :
         take_list(guestfs_glob_expand(appliance_.handle(), pattern.c_str()))) {
        check(guestfs_rm_f(appliance_.handle(), path.c_str()),
              fmt::format("cannot remove '{}' of the image", path));
    }
}

void GuestTree::close() {
    const char* what = "the image's file systems cannot be closed";
    check(guestfs_umount_all(appliance_.handle()), what);
    check(appliance_.shutdown(), what);
}

void GuestTree::check(int result, const std::string& what) {
    if (result == -1) throw appliance_.failure(what);
}

}  // namespace kiln::builder
