#include "builder/steps/debian_root.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "builder/steps/boot.hpp"
#include "builder/steps/foreign_programs.hpp"
#include "builder/steps/guest_files.hpp"
#include "builder/steps/packages.hpp"

namespace kiln::builder {

namespace {

std::vector<std::string> base_packages(const Target& target) {
    return {target.kernel_package,
            "zstd",  // zstd: the initramfs unpacks quicker
            "systemd-sysv",
            "udev",
            "dbus",
            "systemd-resolved",
            "libnss-resolve",
            "cloud-init",
            "cloud-guest-utils",
            "fdisk",
            "e2fsprogs",  // growpart and its tools
            "openssh-server",
            "qemu-guest-agent",
            "sudo",
            "ca-certificates",
            "curl",
            "iproute2",
            "iputils-ping",
            "netbase",
            "less",
            "nano"};
}

std::string login_user_configuration(const std::string& user) {
    if (user == "root") return "disable_root: false\n";
    return fmt::format("  default_user:\n    name: {}\n", user);  // of system_info
}

constexpr const char* here_document_end = "KILN_END_OF_FILE";

/// Shell that writes the file into the tree "$1".
std::string writing(const GuestFile& file) {
    const std::string directory = file.path.substr(0, file.path.rfind('/'));
    return fmt::format("mkdir -p \"$1{}\"\ncat > \"$1{}\" <<'{}'\n{}{}\n", directory, file.path,
                       here_document_end, file.content, here_document_end);
}

/// Runs before the kernel's package is installed, which makes the initramfs.
std::string initramfs_script() {
    const GuestFile machine_id{"/etc/initramfs-tools/scripts/init-bottom/machine-id",
                               std::string(guest_file("debian/machine-id.sh"))};
    return fmt::format("set -eu\n{}chmod 755 \"$1{}\"\n", writing(machine_id), machine_id.path);
}

}  // namespace

std::vector<GuestFile> debian_configuration(const Recipe& recipe, const DiskLayout& layout) {
    const std::string root = "PARTUUID=" + layout.root.uuid;
    const BootEntry entry{
        .title = "Debian GNU/Linux",
        .kernel = "/vmlinuz",
        .ramdisk = "/initrd.img",
        .arguments =
            fmt::format("root={} ro {}", root, kernel_arguments(target_of(recipe.architecture)))};
    return {
        {"/boot/grub/grub.cfg", grub_configuration(entry)},
        {"/etc/fstab", fmt::format("{} / ext4 errors=remount-ro 0 1\n", root)},
        {"/etc/hostname", "localhost\n"},
        {"/etc/systemd/network/80-dhcp.network", std::string(guest_file("debian/dhcp.network"))},
        {"/etc/cloud/cloud.cfg.d/99_kiln.cfg", std::string(guest_file("debian/cloud.cfg")) +
                                                   login_user_configuration(recipe.login_user)}};
}

std::string seal_script(const std::vector<GuestFile>& files) {
    std::string script = "set -eu\n";
    for (const GuestFile& file : files)
        script += writing(file);
    return script + std::string(guest_file("debian/seal.sh"));
}

void make_debian_root(const Build& build) {
    const bool as_root = ::geteuid() == 0;
    if (is_foreign(build.target)) let_foreign_programs_run(build);
    std::vector<std::string> packages = base_packages(build.target);
    packages.insert(packages.end(), build.recipe.packages.begin(), build.recipe.packages.end());
    Mmdebstrap run{.target = as_root ? build.root_tree() : build.root_archive(),
                   .first_percent = 1,
                   .last_percent = 75};
    run.options = {
        "--variant=minbase", fmt::format("--include={}", fmt::join(packages, ",")),
        // A crash of the host loses the whole build anyway; the seal takes this out again.
        "--dpkgopt=force-unsafe-io", fmt::format("--essential-hook={}", initramfs_script()),
        "--customize-hook=chroot \"$1\" systemctl enable systemd-networkd.service",
        fmt::format("--customize-hook={}",
                    seal_script(debian_configuration(build.recipe, build.layout)))};
    run_mmdebstrap(build, run);
}

}  // namespace kiln::builder
