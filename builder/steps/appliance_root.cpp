#include "builder/steps/appliance_root.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "builder/steps/boot.hpp"
#include "builder/steps/guest_files.hpp"
#include "builder/steps/initramfs.hpp"
#include "builder/steps/packages.hpp"
#include "builder/steps/paravirtual_kernel.hpp"
#include "builder/steps/programs.hpp"
#include "builder/steps/system_tree.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;

constexpr SystemFile appliance_files[] = {
    {"appliance/inittab", "etc/inittab", 0644},
    {"appliance/boot", "etc/init.d/rcS", 0755},
    {"appliance/kiln-pv", "usr/bin/kiln-pv", 0755},
    {"appliance/shutdown", "usr/bin/shutdown", 0755},
    {"appliance/block", "etc/xen/scripts/block", 0755},
    {"appliance/vif-bridge", "etc/xen/scripts/vif-bridge", 0755},
    {"tiny/passwd", "etc/passwd", 0644},
    {"tiny/group", "etc/group", 0644},
    {"tiny/nsswitch.conf", "etc/nsswitch.conf", 0644},
    {"tiny/profile", "etc/profile", 0644},
};

constexpr const char* programs[] = {"usr/sbin/qemu-ga", "usr/bin/xenstore-list",
                                    "usr/bin/xenstore-read", "usr/bin/xenstore-write"};
/// In the version's own directory of xen-utils.
constexpr const char* xen_programs[] = {"xl", "oxenstored", "xenconsoled", "xen-init-dom0"};

/// PV-GRUB: reads what EC2's reads, a menu.lst, and else a grub.cfg. A menu.lst speaks of the disk
/// as (hd0), which GRUB calls xen/xvda: a loop device of that name over all of it makes both
/// right. How many sectors the disk has, GRUB cannot say: kiln-pv writes it over the number in the
/// configuration, at the place that is written down beside the program.
struct PvGrub {
    const char* format;  // as grub-mkimage names it
    const char* name;    // "hd0-x86_64"
    const char* root;    // GRUB's name of the file system
};
constexpr PvGrub pv_grubs[] = {
    {"x86_64-xen", "hd0-x86_64", "hd0"},
    {"x86_64-xen", "hd00-x86_64", "hd0,msdos1"},
    {"i386-xen", "hd0-i386", "hd0"},
    {"i386-xen", "hd00-i386", "hd0,msdos1"},
};
constexpr std::string_view number_of_sectors = "1111222233334444";  // hexadecimal, in pv-grub.cfg

std::string xen_directory(const Build& build) {
    const fs::path lib = build.packages_tree() / "usr/lib";
    for (const auto& entry : fs::directory_iterator(lib)) {
        const std::string name = entry.path().filename();
        if (name.starts_with("xen-") && fs::exists(entry.path() / "bin/xl"))
            return "usr/lib/" + name;
    }
    throw build_failed("the packages hold no Xen");
}

void install_programs(const Build& build) {
    install_busybox(build);
    for (const char* program : programs)
        install_program(build, program);
    const std::string xen = xen_directory(build);
    for (const char* program : xen_programs)
        install_program(build, fs::path(xen) / "bin" / program);
    // The C library loads it when xl ends one of its threads.
    const fs::path libraries = fs::path("lib") / build.target.libraries;
    copy_as(build.packages_tree() / libraries / "libgcc_s.so.1",
            build.root_tree() / "usr" / libraries / "libgcc_s.so.1", fs::perms(0644));
    const fs::path packages = build.packages_tree() / "etc/xen";
    const fs::path target = build.root_tree() / "etc/xen";
    copy_as(packages / "xl.conf", target / "xl.conf", fs::perms(0644));
    // It tells of every access in a file of its own, otherwise.
    write_guest_file(target / "oxenstored.conf",
                     read_file(packages / "oxenstored.conf") + "\naccess-log-nb-files = 0\n", 0644);
}

void make_pv_grub(const Build& build, const PvGrub& grub) {
    const fs::path configuration = build.work_directory / "pv-grub.cfg";
    std::string text(guest_file("appliance/pv-grub.cfg"));
    constexpr std::string_view place = "@root@";
    text.replace(text.find(place), place.size(), grub.root);
    write_guest_file(configuration, text, 0644);
    const fs::path target =
        build.root_tree() / "usr/lib/kiln" / fmt::format("pv-grub-{}", grub.name);
    fs::create_directories(target.parent_path());
    run_tool(build, {.arguments = {"grub-mkimage",
                                   "-O",
                                   grub.format,
                                   "-d",
                                   build.packages_tree() / "usr/lib/grub" / grub.format,
                                   "-c",
                                   configuration,
                                   "-p",
                                   "/boot/grub",
                                   "-o",
                                   target,
                                   "part_msdos",
                                   "part_gpt",
                                   "ext2",
                                   "xfs",
                                   "btrfs",
                                   "normal",
                                   "configfile",
                                   "legacycfg",
                                   "linux",
                                   "loopback",
                                   "test",
                                   "search",
                                   "echo",
                                   "gzio",
                                   "xzio",
                                   "lzopio",
                                   "regexp",
                                   "minicmd",
                                   "halt",
                                   "reboot"}});
    const std::size_t place_of_number = read_file(target).find(number_of_sectors);
    if (place_of_number == std::string::npos)
        throw build_failed(fmt::format("'{}' has no configuration in it", target.string()));
    write_guest_file(target.string() + ".place", fmt::format("{}\n", place_of_number), 0644);
}

/// Its own serial port stays the guest's console: Xen and the Linux in it say nothing there. Each
/// virtual processor, of Linux and of the guest, has one of the machine's to itself. Xen unpacks
/// Linux, not GRUB, which is slower.
std::string xen_configuration(const Build& build) {
    return fmt::format(
        "set timeout=0\n"
        "menuentry 'kiln pv appliance' {{\n"
        "    multiboot2 /boot/xen placeholder dom0_mem=224M,max:224M console=none spec-ctrl=no "
        "xpti=no smt=1 sched=null dom0_max_vcpus=1\n"
        "    module2 --nounzip /boot/vmlinuz placeholder root=UUID={} quiet console=tty0\n"
        "    module2 /boot/initramfs\n"
        "}}\n",
        build.layout.root_file_system_uuid);
}

void install_kernels(const Build& build) {
    const fs::path packages = build.packages_tree();
    const fs::path boot = build.root_tree() / "boot";
    const std::string version = kernel_version(packages);
    install_paravirtual_kernel(build, packages / "boot" / ("vmlinuz-" + version), boot / "vmlinuz",
                               KernelPacking::gzip);
    make_initramfs(build, version, boot / "initramfs");
    for (const auto& entry : fs::directory_iterator(packages / "boot")) {
        const std::string name = entry.path().filename();
        if (!name.starts_with("xen-") || !name.ends_with(".gz")) continue;
        copy_as(entry.path(), boot / "xen", fs::perms(0644));
    }
    if (!fs::exists(boot / "xen")) throw build_failed("the packages hold no Xen hypervisor");
    write_guest_file(boot / "grub/grub.cfg", xen_configuration(build), 0644);
}

}  // namespace

void make_appliance_root(const Build& build) {
    run_mmdebstrap(build, {.options = {"--variant=extract", "--mode=chrootless",
                                       fmt::format("--include={},xen-hypervisor-4.17-amd64,"
                                                   "xen-utils-4.17,xenstore-utils,grub-xen-bin,"
                                                   "busybox-static,qemu-guest-agent",
                                                   build.target.paravirtual_kernel_package)},
                           .target = build.packages_tree(),
                           .first_percent = 1,
                           .last_percent = 60});
    build.report(62, "putting the system together");
    make_system_directories(build.root_tree());
    install_programs(build);
    install_system_files(build, appliance_files, "tty1");
    for (const PvGrub& grub : pv_grubs)
        make_pv_grub(build, grub);
    install_kernels(build);
}

}  // namespace kiln::builder
