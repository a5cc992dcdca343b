#include "builder/inspection/inspection.hpp"

#include <fmt/format.h>
#include <guestfs.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "builder/inspection/guestfs_appliance.hpp"
#include "builder/inspection/guestfs_texts.hpp"
#include "images/catalog/image.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t boot_sector_size = 512;
constexpr std::size_t boot_code_size = 440;  // then the disk signature and the partition table
constexpr std::string_view boot_signature = "\x55\xaa";
constexpr std::string_view efi_system_partition = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

std::string find_root(GuestfsAppliance& appliance) {
    char** list = guestfs_inspect_os(appliance.handle());
    if (list == nullptr) throw appliance.failure("the disk cannot be inspected");
    std::vector<std::string> roots = take_list(list);
    if (roots.size() == 1) return roots.front();
    throw Error("InspectionFailed", "",
                roots.empty() ? "no operating system was found on the disk"
                              : "more than one operating system was found on the disk");
}

/// In their order: a mount point comes after those that it lies in.
void mount_all(GuestfsAppliance& appliance, const std::string& root) {
    const std::vector<std::string> pairs =
        take_list(guestfs_inspect_get_mountpoints(appliance.handle(), root.c_str()));
    std::vector<std::pair<std::string, std::string>> places;  // mount point, device
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
        places.emplace_back(pairs[i], pairs[i + 1]);
    std::ranges::sort(places);
    for (const auto& [place, device] : places) {
        // What is not there (a disk of another machine) is no reason to know nothing of the rest.
        guestfs_mount_ro(appliance.handle(), device.c_str(), place.c_str());
    }
}

/// The registry of a Windows disk, whose root is mounted, as far as it says which drivers there
/// are.
class SystemHive {
  public:
    SystemHive(guestfs_h* handle, const std::string& root) : handle_(handle) {
        const std::string hive =
            take(guestfs_inspect_get_windows_system_hive(handle_, root.c_str()));
        const std::string control_set =
            take(guestfs_inspect_get_windows_current_control_set(handle_, root.c_str()));
        if (hive.empty() || guestfs_hivex_open(handle_, hive.c_str(), -1) == -1) return;
        is_open_ = true;
        services_ = child(child(guestfs_hivex_root(handle_), control_set), "Services");
    }
    SystemHive(const SystemHive&) = delete;
    SystemHive& operator=(const SystemHive&) = delete;
    ~SystemHive() {
        if (is_open_) guestfs_hivex_close(handle_);
    }

    /// Whether Windows has the driver and may start it.
    bool has_driver(const std::string& name) {
        const std::int64_t service = child(services_, name);
        if (service <= 0) return false;
        const std::int64_t start = guestfs_hivex_node_get_value(handle_, service, "Start");
        if (start <= 0) return false;
        constexpr char disabled = 4;  // SERVICE_DISABLED
        std::size_t size = 0;
        const std::unique_ptr<char, decltype(&std::free)> value(
            guestfs_hivex_value_value(handle_, start, &size), &std::free);
        return value && size >= 1 && value.get()[0] != disabled;
    }

  private:
    std::int64_t child(std::int64_t node, const std::string& name) {
        if (node <= 0 || name.empty()) return 0;
        return guestfs_hivex_node_get_child(handle_, node, name.c_str());
    }

    guestfs_h* handle_;
    bool is_open_ = false;
    std::int64_t services_ = 0;
};

std::string windows_drivers(GuestfsAppliance& appliance, const std::string& root) {
    SystemHive hive(appliance.handle(), root);
    std::string drivers;
    if (hive.has_driver("viostor")) drivers += images::virtio_disk_driver + std::string(" ");
    if (hive.has_driver("netkvm")) drivers += images::virtio_network_driver;
    return std::string(trim(drivers));
}

bool has_efi_partition(guestfs_h* handle) {
    for (const std::string& partition : take_list(guestfs_list_partitions(handle))) {
        const std::string device = take(guestfs_part_to_dev(handle, partition.c_str()));
        const int number = guestfs_part_to_partnum(handle, partition.c_str());
        if (device.empty() || number < 1) continue;
        if (take(guestfs_part_get_parttype(handle, device.c_str())) != "gpt") continue;
        if (take(guestfs_part_get_gpt_type(handle, device.c_str(), number)) == efi_system_partition)
            return true;
    }
    return false;
}

/// A GPT disk for UEFI alone has a boot sector, too, but no code in it.
bool has_bios_loader(guestfs_h* handle) {
    std::size_t size = 0;
    const std::unique_ptr<char, decltype(&std::free)> sector(
        guestfs_pread_device(handle, "/dev/sda", boot_sector_size, 0, &size), &std::free);
    if (!sector || size != boot_sector_size) return false;
    const std::string_view bytes(sector.get(), size);
    return bytes.ends_with(boot_signature) &&
           bytes.substr(0, boot_code_size).find_first_not_of('\0') != std::string_view::npos;
}

}  // namespace

Inspection inspect_disk(const DiskToInspect& disk) {
    GuestfsAppliance appliance(disk.use_kvm, disk.time_limit);
    appliance.add_disk(disk.file);
    appliance.launch();
    disk.on_open();
    guestfs_h* handle = appliance.handle();
    const std::string root = find_root(appliance);
    const char* name = root.c_str();
    Inspection found{.type = take(guestfs_inspect_get_type(handle, name)),
                     .distribution = take(guestfs_inspect_get_distro(handle, name)),
                     .product = take(guestfs_inspect_get_product_name(handle, name)),
                     .os_id = take(guestfs_inspect_get_osinfo(handle, name)),
                     .architecture = take(guestfs_inspect_get_arch(handle, name)),
                     .has_bios_loader = has_bios_loader(handle),
                     .has_efi_partition = has_efi_partition(handle)};
    if (found.type != windows_system) return found;
    mount_all(appliance, root);
    found.drivers = windows_drivers(appliance, root);
    return found;
}

}  // namespace kiln::builder
