#include "tests/system/hypervisor/tiny_guest.hpp"

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/places.hpp"

namespace kiln::tests {

namespace {

const std::string init_script =
    std::string(places::source_directory) + "/tests/system/hypervisor/tiny_guest_init";

const std::vector<std::string> modules{
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci",
    "drivers/block/virtio_blk",
    "drivers/net/virtio_net",
    "drivers/char/virtio_console",
    "drivers/acpi/button",
    "drivers/input/evdev",
};

std::filesystem::path find_kernel() {
    for (const auto& entry : std::filesystem::directory_iterator("/boot")) {
        const std::string name = entry.path().filename();
        if (name.starts_with("vmlinuz-") && name.ends_with("-cloud-amd64")) return entry.path();
    }
    throw Error(error_code::internal_error, "/boot",
                "there is no kernel in /boot: install linux-image-cloud-amd64");
}

void copy_modules(const std::string& version, const std::filesystem::path& target) {
    std::filesystem::create_directories(target);
    std::string order;
    for (const std::string& module : modules) {
        const std::filesystem::path file = "/lib/modules/" + version + "/kernel/" + module + ".ko";
        if (!std::filesystem::exists(file)) continue;  // built into this kernel
        std::filesystem::copy_file(file, target / file.filename());
        order += file.stem().string() + "\n";
    }
    write_file_atomically(target / "order", order, 0644);
}

}  // namespace

TinyGuest make_tiny_guest(const std::filesystem::path& directory) {
    const std::filesystem::path kernel = find_kernel();
    const std::filesystem::path root = directory / "root";
    for (const char* name : {"bin", "proc", "sys", "dev"})
        std::filesystem::create_directories(root / name);
    std::filesystem::copy_file("/bin/busybox", root / "bin" / "busybox");
    copy_modules(kernel.filename().string().substr(std::string("vmlinuz-").size()),
                 root / "modules");
    write_file_atomically(root / "init", read_file(init_script), 0755);
    const TinyGuest guest{.kernel = directory / "vmlinuz", .ramdisk = directory / "initrd"};
    std::filesystem::copy_file(kernel, guest.kernel);
    run_checked({.arguments = {"sh", "-c", "find . | cpio -o -H newc --quiet > ../initrd"},
                 .working_directory = root});
    return guest;
}

}  // namespace kiln::tests
