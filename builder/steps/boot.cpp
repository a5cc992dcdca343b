#include "builder/steps/boot.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cassert>
#include <cerrno>

#include "base/fd.hpp"
#include "base/file.hpp"

namespace kiln::builder {

namespace {

constexpr const char* grub_directory = "/usr/lib/grub";
constexpr std::size_t boot_code_size = 440;  // then the disk signature and the partition table
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

/// Builds GRUB's image for one platform and returns its path. A prefix without a drive means the
/// drive that the firmware started from.
std::filesystem::path make_grub_image(const Build& build, const std::string& format,
                                      const std::vector<std::string>& modules) {
    const std::filesystem::path directory = std::filesystem::path(grub_directory) / format;
    if (!std::filesystem::exists(directory)) {
        throw build_failed(
            fmt::format("'{}' is missing: install the packages grub-pc-bin and grub-efi-amd64-bin",
                        directory.string()));
    }
    std::filesystem::path image = build.work_directory / ("grub-" + format);
    Tool tool{.arguments = {"grub-mkimage", "-O", format, "-d", directory, "-p",
                            fmt::format("(,gpt{})/boot/grub", root_partition_number), "-o", image}};
    tool.arguments.insert(tool.arguments.end(), modules.begin(), modules.end());
    run_tool(build, tool);
    return image;
}

std::vector<std::string> with_common_modules(std::vector<std::string> modules) {
    const std::vector<std::string> common{"part_gpt", "ext2",   "normal", "linux",
                                          "echo",     "test",   "serial", "terminal",
                                          "search",   "reboot", "halt",   "all_video"};
    modules.insert(modules.end(), common.begin(), common.end());
    return modules;
}

void install_for_bios(const Build& build) {
    const auto image =
        make_grub_image(build, "i386-pc", with_common_modules({"biosdisk", "linux16"}));
    const Partition& partition = build.layout.bios_boot;
    const std::string core = place_core_image(read_file(image), partition.first_sector());
    if (core.size() > partition.size.value) {
        throw build_failed("GRUB's core image is larger than the BIOS boot partition");
    }
    Fd disk(::open(build.raw_disk().c_str(), O_RDWR | O_CLOEXEC));
    if (!disk) throw system_error(fmt::format("open '{}'", build.raw_disk().string()));
    const std::string boot_image =
        read_file(std::filesystem::path(grub_directory) / "i386-pc" / "boot.img");
    write_at(disk, {0}, make_boot_sector(boot_image, read_mbr(disk), partition.first_sector()));
    write_at(disk, partition.offset, core);
}

void install_for_uefi(const Build& build) {
    const auto image = make_grub_image(build, "x86_64-efi", with_common_modules({"fat"}));
    const Partition& partition = build.layout.efi;
    const std::string target =
        fmt::format("{}@@{}", build.raw_disk().string(), partition.offset.value);
    run_tool(build,
             {.arguments = {"mformat", "-i", target, "-T", fmt::to_string(partition.sectors()),
                            "-h", "16", "-s", "63", "-v", "EFI", "::"}});
    run_tool(build, {.arguments = {"mmd", "-i", target, "::/EFI", "::/EFI/BOOT"}});
    // The name that firmware tries on a disk that it has no entry for (UEFI specification 3.5.1).
    run_tool(build, {.arguments = {"mcopy", "-i", target, image, "::/EFI/BOOT/BOOTX64.EFI"}});
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
    // Started through its 16-bit entry a kernel is loaded where it belongs. Through the other, GRUB
    // moves all that the kernel may grow to byte by byte: seconds without hardware virtualization.
    return fmt::format(
        "serial --unit=0 --speed=115200\n"
        "terminal_output console serial\n"
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

void install_boot_loader(const Build& build) {
    install_for_bios(build);
    install_for_uefi(build);
}

}  // namespace kiln::builder
