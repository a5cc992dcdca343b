#include "builder/steps/tiny_root.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "builder/steps/boot.hpp"
#include "builder/steps/guest_files.hpp"
#include "builder/steps/initramfs.hpp"
#include "builder/steps/packages.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;

struct TinyFile {
    const char* source;  // in steps/files/tiny
    const char* target;
    int mode;
};

constexpr TinyFile tiny_files[] = {
    {"inittab", "etc/inittab", 0644},
    {"boot", "etc/init.d/rcS", 0755},
    {"instance-data", "usr/bin/kiln-instance-data", 0755},
    {"dhcp-event", "usr/bin/kiln-dhcp-event", 0755},
    {"shutdown", "usr/bin/shutdown", 0755},
    {"power-button", "etc/acpi/PWRF/00000080", 0755},
    {"passwd", "etc/passwd", 0644},
    {"shadow", "etc/shadow", 0640},
    {"group", "etc/group", 0644},
    {"nsswitch.conf", "etc/nsswitch.conf", 0644},
    {"profile", "etc/profile", 0644},
    {"os-release", "etc/os-release", 0644},
};

constexpr const char* programs[] = {"usr/sbin/dropbear", "usr/bin/dropbearkey", "usr/sbin/qemu-ga"};

void write_guest_file(const fs::path& path, std::string_view content, int mode) {
    fs::create_directories(path.parent_path());
    write_file_atomically(path, content, mode);
}

void copy_as(const fs::path& from, const fs::path& to, fs::perms mode) {
    fs::create_directories(to.parent_path());
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
    fs::permissions(to, mode);
}

constexpr fs::perms executable = fs::perms(0755);

void make_directories(const fs::path& root) {
    for (const char* name : {"dev", "proc", "sys", "run", "mnt", "usr/bin", "usr/lib", "usr/lib64",
                             "etc/dropbear", "var/log", "var/lib/kiln", "boot/grub"}) {
        fs::create_directories(root / name);
    }
    fs::create_directories(root / "root/.ssh");
    fs::permissions(root / "root", fs::perms(0700));
    fs::permissions(root / "root/.ssh", fs::perms(0700));
    fs::create_directories(root / "tmp");
    fs::permissions(root / "tmp", fs::perms(01777));
    for (const char* name : {"bin", "sbin"}) {
        fs::create_directory_symlink("usr/bin", root / name);
        fs::remove(root / "usr/sbin");
    }
    fs::create_directory_symlink("bin", root / "usr/sbin");
    fs::create_directory_symlink("usr/lib", root / "lib");
    fs::create_directory_symlink("usr/lib64", root / "lib64");
}

void install_busybox(const Build& build) {
    const fs::path busybox = build.packages_tree() / "bin/busybox";
    const fs::path bin = build.root_tree() / "usr/bin";
    copy_as(busybox, bin / "busybox", executable);
    for (const std::string& applet :
         split(run_tool(build, {.arguments = {busybox, "--list"}}), '\n')) {
        if (applet.empty() || applet == "busybox") continue;
        fs::create_symlink("busybox", bin / applet);
    }
}

/// The packages' own dynamic loader says which libraries a program needs: they are for the host's
/// architecture, so it runs here.
void install_libraries(const Build& build, const fs::path& program) {
    const fs::path packages = build.packages_tree();
    const std::string directories =
        fmt::format("{0}/lib/x86_64-linux-gnu:{0}/usr/lib/x86_64-linux-gnu", packages.string());
    const std::string listing =
        run_tool(build, {.arguments = {packages / "lib64/ld-linux-x86-64.so.2", "--library-path",
                                       directories, "--list", program}});
    for (const std::string& line : split(listing, '\n')) {
        const std::size_t arrow = line.find(" => ");
        if (arrow == std::string::npos) continue;
        const fs::path name(std::string(trim(line.substr(0, arrow))));
        const std::string from = line.substr(arrow + 4, line.rfind(" (") - arrow - 4);
        if (!from.starts_with(packages.string())) {
            throw build_failed(fmt::format("'{}' needs the library {}, which no package holds",
                                           program.filename().string(), name.string()));
        }
        // The loader itself has a fixed place; the others lie where it looks for them.
        const fs::path directory = name.is_absolute() ? "usr/lib64" : "usr/lib/x86_64-linux-gnu";
        copy_as(from, build.root_tree() / directory / name.filename(), executable);
    }
}

void install_programs(const Build& build) {
    install_busybox(build);
    for (const fs::path program : programs) {
        const fs::path from = build.packages_tree() / program;
        copy_as(from, build.root_tree() / "usr/bin" / program.filename(), executable);
        install_libraries(build, from);
    }
}

void install_files(const Build& build) {
    for (const TinyFile& file : tiny_files) {
        write_guest_file(build.root_tree() / file.target,
                         guest_file(fmt::format("tiny/{}", file.source)), file.mode);
    }
    fs::create_symlink("/run/resolv.conf", build.root_tree() / "etc/resolv.conf");
    write_guest_file(build.root_tree() / "etc/hostname", "tiny\n", 0644);
    write_guest_file(build.root_tree() / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", 0644);
    write_guest_file(build.root_tree() / "etc/machine-id", "", 0644);
}

void install_kernel(const Build& build) {
    const std::string version = kernel_version(build.packages_tree());
    const fs::path boot = build.root_tree() / "boot";
    copy_as(build.packages_tree() / "boot" / ("vmlinuz-" + version), boot / "vmlinuz",
            fs::perms(0644));
    make_initramfs(build, version, boot / "initramfs");
    const BootEntry entry{
        .title = "kiln tiny",
        .kernel = "/boot/vmlinuz",
        .ramdisk = "/boot/initramfs",
        .arguments = fmt::format("root=UUID={} quiet {}", build.layout.root_file_system_uuid,
                                 kernel_arguments)};
    write_guest_file(boot / "grub/grub.cfg", grub_configuration(entry), 0644);
}

}  // namespace

void make_tiny_root(const Build& build) {
    // chrootless extracts packages as any user and runs nothing of theirs.
    run_mmdebstrap(build, {.options = {"--variant=extract", "--mode=chrootless",
                                       "--include=linux-image-cloud-amd64,busybox-static,"
                                       "dropbear-bin,qemu-guest-agent"},
                           .target = build.packages_tree(),
                           .first_percent = 1,
                           .last_percent = 60});
    build.report(62, "putting the system together");
    make_directories(build.root_tree());
    install_programs(build);
    install_files(build);
    install_kernel(build);
}

}  // namespace kiln::builder
