#include "builder/steps/tiny_root.hpp"

#include <fmt/format.h>

#include "builder/steps/boot.hpp"
#include "builder/steps/initramfs.hpp"
#include "builder/steps/packages.hpp"
#include "builder/steps/paravirtual_kernel.hpp"
#include "builder/steps/programs.hpp"
#include "builder/steps/system_tree.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;

constexpr SystemFile tiny_files[] = {
    {"tiny/inittab", "etc/inittab", 0644},
    {"tiny/boot", "etc/init.d/rcS", 0755},
    {"tiny/instance-data", "usr/bin/kiln-instance-data", 0755},
    {"tiny/dhcp-event", "usr/bin/kiln-dhcp-event", 0755},
    {"tiny/shutdown", "usr/bin/shutdown", 0755},
    {"tiny/power-button", "etc/acpi/PWRF/00000080", 0755},
    {"tiny/passwd", "etc/passwd", 0644},
    {"tiny/shadow", "etc/shadow", 0640},
    {"tiny/group", "etc/group", 0644},
    {"tiny/nsswitch.conf", "etc/nsswitch.conf", 0644},
    {"tiny/profile", "etc/profile", 0644},
    {"tiny/os-release", "etc/os-release", 0644},
};

constexpr const char* programs[] = {"usr/sbin/dropbear", "usr/bin/dropbearkey", "usr/sbin/qemu-ga"};

void install_programs(const Build& build) {
    install_busybox(build);
    for (const char* program : programs)
        install_program(build, program);
}

/// Where the kernel and init speak to people.
std::string console_of(const Build& build) {
    return build.recipe.boot == RecipeBoot::boot_loader ? build.target.serial_port : "hvc0";
}

void install_files(const Build& build) {
    const fs::path root = build.root_tree();
    install_system_files(build, tiny_files, console_of(build));
    for (const char* name : {"etc/dropbear", "root/.ssh"})
        fs::create_directories(root / name);
    fs::permissions(root / "root/.ssh", fs::perms(0700));
    fs::create_symlink("/run/resolv.conf", root / "etc/resolv.conf");
    write_guest_file(root / "etc/hostname", "tiny\n", 0644);
    write_guest_file(root / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", 0644);
    write_guest_file(root / "etc/machine-id", "", 0644);
}

void configure_boot_loader(const Build& build, const BootEntry& entry) {
    const fs::path grub = build.root_tree() / "boot/grub";
    switch (build.recipe.boot) {
        case RecipeBoot::boot_loader:
            write_guest_file(grub / "grub.cfg", grub_configuration(entry), 0644);
            return;
        case RecipeBoot::pv_grub_hd0:
            write_guest_file(grub / "menu.lst", pv_grub_configuration(entry, "(hd0)"), 0644);
            return;
        case RecipeBoot::pv_grub_hd00:
            write_guest_file(grub / "menu.lst", pv_grub_configuration(entry, "(hd0,0)"), 0644);
            return;
    }
}

void install_kernel(const Build& build) {
    const std::string version = kernel_version(build.packages_tree());
    const fs::path boot = build.root_tree() / "boot";
    const fs::path kernel = build.packages_tree() / "boot" / ("vmlinuz-" + version);
    const bool is_paravirtual = build.recipe.boot != RecipeBoot::boot_loader;
    if (is_paravirtual) {
        install_paravirtual_kernel(build, kernel, boot / "vmlinuz", KernelPacking::lzo);
    } else {
        copy_as(kernel, boot / "vmlinuz", fs::perms(0644));
    }
    make_initramfs(build, version, boot / "initramfs");
    configure_boot_loader(
        build, {.title = "kiln tiny",
                .kernel = "/boot/vmlinuz",
                .ramdisk = "/boot/initramfs",
                .arguments =
                    fmt::format("root=UUID={} quiet {}", build.layout.root_file_system_uuid,
                                is_paravirtual ? "console=hvc0" : kernel_arguments(build.target))});
}

std::string kernel_package(const Build& build) {
    return build.recipe.boot == RecipeBoot::boot_loader ? build.target.kernel_package
                                                        : build.target.paravirtual_kernel_package;
}

}  // namespace

void make_tiny_root(const Build& build) {
    // chrootless extracts packages as any user and runs nothing of theirs.
    run_mmdebstrap(build, {.options = {"--variant=extract", "--mode=chrootless",
                                       fmt::format("--include={},busybox-static,dropbear-bin,"
                                                   "qemu-guest-agent",
                                                   kernel_package(build))},
                           .target = build.packages_tree(),
                           .first_percent = 1,
                           .last_percent = 60});
    build.report(62, "putting the system together");
    make_system_directories(build.root_tree());
    install_programs(build);
    install_files(build);
    install_kernel(build);
    let_everybody_pass(build.root_tree());
}

}  // namespace kiln::builder
