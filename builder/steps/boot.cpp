#include "builder/steps/boot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cassert>
#include <cerrno>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "builder/steps/packages.hpp"

namespace kiln::builder {

namespace {

constexpr const char* grub_directory = "usr/lib/grub";
constexpr const char* bios_format = "i386-pc";  // as grub-mkimage names it
constexpr std::size_t boot_code_size = 440;     // then the disk signature and the partition table
constexpr std::size_t kernel_sector_offset = 0x5c;
constexpr std::size_t block_list_offset = sector_size - 12;
constexpr std::uint16_t core_segment = 0x820;  // where diskboot.S puts the sectors it loads

void put_little_endian(std::string& bytes, std::size_t offset, std::uint64_t value,
                       std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
        bytes.at(offset + i) = static_cast<char>((value >> (8 * i)) & 0xff);
    }
}

void write_at(const Fd& disk, Bytes offset, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count =
            ::pwrite(disk.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset.value));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw system_error("write the boot loader");
        bytes.remove_prefix(static_cast<std::size_t>(count));
        offset.value += static_cast<std::uint64_t>(count);
    }
}

std::string read_mbr(const Fd& disk) {
    std::string mbr(sector_size, '\0');
    if (::pread(disk.get(), mbr.data(), mbr.size(), 0) != static_cast<ssize_t>(mbr.size())) {
        throw system_error("read the partition table");
    }
    return mbr;
}

/// GRUB's modules for a platform: the host's, or those of the target's own package.
std::filesystem::path modules_of(const Build& build, const std::string& format) {
    for (const std::filesystem::path& tree : {std::filesystem::path("/"), build.boot_packages()}) {
        std::filesystem::path directory = tree / grub_directory / format;
        if (std::filesystem::exists(directory)) return directory;
    }
    throw build_failed(fmt::format("there is no GRUB for {}, not even in the packages of {}",
                                   format, build.target.debian));
}

/// Builds GRUB's image for one platform and returns its path. A prefix without a drive means the
/// drive that the firmware started from.
std::filesystem::path make_grub_image(const Build& build, const std::string& format,
                                      const std::vector<std::string>& modules) {
    std::filesystem::path image = build.work_directory / ("grub-" + format);
    Tool tool{.arguments = {"grub-mkimage", "-O", format, "-d", modules_of(build, format), "-p",
                            fmt::format("(,gpt{})/boot/grub", root_partition_number), "-o", image}};
    tool.arguments.insert(tool.arguments.end(), modules.begin(), modules.end());
    run_tool(build, tool);
    return image;
}

std::vector<std::string> with_common_modules(std::vector<std::string> modules) {
    const std::vector<std::string> common{"part_gpt", "ext2",   "normal", "linux", "echo",
                                          "test",     "search", "reboot", "halt",  "all_video"};
    modules.insert(modules.end(), common.begin(), common.end());
    return modules;
}

void install_for_bios(const Build& build) {
    std::vector<std::string> modules{"biosdisk", "linux16", "serial", "terminal"};
    if (build.recipe.kind == RecipeKind::pv_appliance)
        modules.insert(modules.end(), {"multiboot2", "gzio"});
    const auto image = make_grub_image(build, bios_format, with_common_modules(modules));
    const Partition& partition = build.layout.bios_boot;
    const std::string core = place_core_image(read_file(image), partition.first_sector());
    if (core.size() > partition.size.value) {
        throw build_failed("GRUB's core image is larger than the BIOS boot partition");
    }
    Fd disk(::open(build.raw_disk().c_str(), O_RDWR | O_CLOEXEC));
    if (!disk) throw system_error(fmt::format("open '{}'", build.raw_disk().string()));
    const std::string boot_image = read_file(modules_of(build, bios_format) / "boot.img");
    write_at(disk, {0}, make_boot_sector(boot_image, read_mbr(disk), partition.first_sector()));
    write_at(disk, partition.offset, core);
}

/// The EFI system partition, as mtools names a place in a file.
std::string efi_partition(const Build& build) {
    return fmt::format("{}@@{}", build.raw_disk().string(), build.layout.efi.offset.value);
}

void make_efi_partition(const Build& build) {
    const std::string partition = efi_partition(build);
    run_tool(build, {.arguments = {"mformat", "-i", partition, "-T",
                                   fmt::to_string(build.layout.efi.sectors()), "-h", "16", "-s",
                                   "63", "-v", "EFI", "::"}});
    for (const char* directory : {"::/EFI", "::/EFI/BOOT", "::/EFI/debian"})
        run_tool(build, {.arguments = {"mmd", "-i", partition, directory}});
}

void copy_to_efi(const Build& build, const std::filesystem::path& from, const std::string& to) {
    run_tool(build, {.arguments = {"mcopy", "-i", efi_partition(build), from, "::/EFI/" + to}});
}

/// The shim, which Microsoft has signed, and GRUB, which Debian has: the shim starts the GRUB that
/// lies beside it, and that reads its configuration in EFI/debian.
void install_signed(const Build& build) {
    const Target& target = build.target;
    const std::filesystem::path packages = build.boot_packages();
    const std::string grub = fmt::format("grub{}.efi", target.efi_suffix);
    copy_to_efi(build, packages / fmt::format("usr/lib/shim/shim{}.efi.signed", target.efi_suffix),
                fmt::format("BOOT/{}", target.efi_file));
    copy_to_efi(build,
                packages / grub_directory / fmt::format("{}-signed", target.efi_format) /
                    (grub + ".signed"),
                "BOOT/" + grub);
    const std::filesystem::path configuration = build.work_directory / "signed-grub.cfg";
    write_file_atomically(configuration,
                          signed_grub_configuration(build.layout.root_file_system_uuid), 0644);
    copy_to_efi(build, configuration, "debian/grub.cfg");
}

void install_for_uefi(const Build& build) {
    make_efi_partition(build);
    if (build.recipe.secure_boot) return install_signed(build);
    // The name that firmware tries on a disk that it has no entry for (UEFI specification 3.5.1).
    copy_to_efi(build,
                make_grub_image(build, build.target.efi_format, with_common_modules({"fat"})),
                fmt::format("BOOT/{}", build.target.efi_file));
}

/// Packages that the host has none of, and whose scripts nobody needs to run.
std::vector<std::string> boot_loader_packages(const Build& build) {
    const Target& target = build.target;
    const auto host_has = [](const std::string& format) {
        return std::filesystem::exists(std::filesystem::path("/") / grub_directory / format);
    };
    std::vector<std::string> packages;
    if (target.boots_bios && !host_has(bios_format)) packages.emplace_back("grub-pc-bin");
    if (build.recipe.secure_boot) {
        packages.emplace_back("shim-signed");
        packages.push_back(fmt::format("grub-efi-{}-signed", target.debian));
    } else if (*target.efi_format != '\0' && !host_has(target.efi_format)) {
        packages.push_back(fmt::format("grub-efi-{}-bin", target.debian));
    }
    return packages;
}

void fetch_boot_loader(const Build& build) {
    const std::vector<std::string> packages = boot_loader_packages(build);
    if (packages.empty()) return;
    run_mmdebstrap(build, {.options = {"--variant=extract", "--mode=chrootless",
                                       fmt::format("--include={}", fmt::join(packages, ","))},
                           .target = build.boot_packages(),
                           .first_percent = 87,
                           .last_percent = 89});
}

}  // namespace

std::string make_boot_sector(std::string_view boot_image, std::string_view mbr,
                             std::uint64_t core_sector) {
    assert(boot_image.size() == sector_size && mbr.size() == sector_size);
    std::string sector(boot_image.substr(0, boot_code_size));
    sector += mbr.substr(boot_code_size);
    put_little_endian(sector, kernel_sector_offset, core_sector, 8);
    return sector;
}

std::string place_core_image(std::string core, std::uint64_t core_sector) {
    core.resize((core.size() + sector_size - 1) / sector_size * sector_size);
    const std::uint64_t sectors = core.size() / sector_size;
    put_little_endian(core, block_list_offset, core_sector + 1, 8);
    put_little_endian(core, block_list_offset + 8, sectors - 1, 2);
    put_little_endian(core, block_list_offset + 10, core_segment, 2);
    return core;
}

std::string grub_configuration(const BootEntry& entry) {
    // UEFI's console is the serial port already.
    // Started through its 16-bit entry a kernel is loaded where it belongs. Through the other, GRUB
    // moves all that the kernel may grow to byte by byte: seconds without hardware virtualization.
    return fmt::format(
        "if [ \"$grub_platform\" = pc ]; then\n"
        "    serial --unit=0 --speed=115200\n"
        "    terminal_output console serial\n"
        "fi\n"
        "set timeout=0\n"
        "set gfxpayload=keep\n"
        "menuentry '{title}' {{\n"
        "    if [ \"$grub_platform\" = pc ]; then\n"
        "        linux16 {kernel} {arguments}\n"
        "        initrd16 {ramdisk}\n"
        "    else\n"
        "        linux {kernel} {arguments}\n"
        "        initrd {ramdisk}\n"
        "    fi\n"
        "}}\n",
        fmt::arg("title", entry.title), fmt::arg("kernel", entry.kernel),
        fmt::arg("arguments", entry.arguments), fmt::arg("ramdisk", entry.ramdisk));
}

std::string pv_grub_configuration(const BootEntry& entry, const char* root) {
    return fmt::format(
        "default 0\n"
        "timeout 0\n"
        "title {}\n"
        "    root {}\n"
        "    kernel {} {}\n"
        "    initrd {}\n",
        entry.title, root, entry.kernel, entry.arguments, entry.ramdisk);
}

std::string signed_grub_configuration(const std::string& root_file_system_uuid) {
    return fmt::format(
        "search --no-floppy --fs-uuid --set=root {}\n"
        "set prefix=($root)/boot/grub\n"
        "configfile $prefix/grub.cfg\n",
        root_file_system_uuid);
}

std::string kernel_arguments(const Target& target) {
    return fmt::format("{}console=tty0 console={},115200",
                       target.boots_bios ? "no_timer_check " : "", target.serial_port);
}

void install_boot_loader(const Build& build) {
    if (build.recipe.boot != RecipeBoot::boot_loader) return;
    fetch_boot_loader(build);
    if (build.target.boots_bios) install_for_bios(build);
    if (*build.target.efi_format != '\0') install_for_uefi(build);
}

}  // namespace kiln::builder
