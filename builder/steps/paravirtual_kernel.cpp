#include "builder/steps/paravirtual_kernel.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "base/file.hpp"
#include "builder/steps/programs.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;

// The setup header.
constexpr std::size_t setup_sectors_at = 0x1f1;
constexpr std::size_t magic_at = 0x202;
constexpr std::string_view magic = "HdrS";
constexpr std::size_t payload_offset_at = 0x248;  // from behind the sectors of the setup
constexpr std::size_t payload_length_at = 0x24c;
constexpr std::size_t header_end = 0x250;
constexpr std::size_t size_of_length = 4;  // how large it is when unpacked, behind it

constexpr Bytes largest_kernel = Bytes::mebibytes(256);

std::uint32_t little_endian_at(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

}  // namespace

std::string_view payload_of(std::string_view kernel) {
    if (kernel.size() < header_end || kernel.substr(magic_at, magic.size()) != magic)
        throw build_failed("the kernel is no bzImage");
    const std::size_t sectors = 1U + static_cast<unsigned char>(kernel[setup_sectors_at]);
    const std::size_t offset = sectors * sector_size + little_endian_at(kernel, payload_offset_at);
    const std::size_t length = little_endian_at(kernel, payload_length_at);
    if (offset > kernel.size() || length > kernel.size() - offset)
        throw build_failed("the kernel ends before its payload does");
    if (length < size_of_length) throw build_failed("the kernel has no payload");
    return kernel.substr(offset, length - size_of_length);
}

void install_paravirtual_kernel(const Build& build, const fs::path& from, const fs::path& to,
                                KernelPacking packing) {
    const fs::path packed = build.work_directory / "kernel.xz";
    const fs::path unpacked = build.work_directory / "kernel";
    const std::string kernel = read_file(from, largest_kernel);
    write_file_atomically(packed, payload_of(kernel), 0600);
    run_tool(build,
             {.arguments = {"zstd", "--quiet", "--force", "--decompress", packed, "-o", unpacked}});
    fs::create_directories(to.parent_path());
    switch (packing) {
        case KernelPacking::gzip:
            run_tool(build, {.arguments = {"zstd", "--quiet", "--force", "--format=gzip", unpacked,
                                           "-o", to}});
            break;
        case KernelPacking::lzo:
            run_tool(build, {.arguments = {"lzop", "-9", "--force", unpacked, "-o", to}});
            break;
    }
    fs::permissions(to, fs::perms(0644));
    fs::remove(packed);
    fs::remove(unpacked);
}

}  // namespace kiln::builder
