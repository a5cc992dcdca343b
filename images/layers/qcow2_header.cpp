#include "images/layers/qcow2_header.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace kiln::images {

namespace {

constexpr std::uint32_t magic = 0x514649fb;  // "QFI\xfb"
constexpr std::uint32_t longest_name = 1023;
constexpr std::size_t offset_at = 8;
constexpr std::size_t length_at = 16;
constexpr std::size_t fixed_size = 20;

void read_at(const Fd& fd, const std::filesystem::path& file, std::uint64_t offset, char* to,
             std::size_t size) {
    const ssize_t count = ::pread(fd.get(), to, size, static_cast<off_t>(offset));
    if (count < 0) throw system_error(fmt::format("read '{}'", file.string()));
    if (static_cast<std::size_t>(count) == size) return;
    throw Error(error_code::internal_error, file.string(),
                fmt::format("'{}' ends within its header", file.string()));
}

/// Numbers are big-endian.
std::uint64_t number_at(const std::array<char, fixed_size>& header, std::size_t at,
                        std::size_t size) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < size; ++i)
        number = number << 8U | static_cast<unsigned char>(header.at(at + i));
    return number;
}

}  // namespace

std::optional<std::filesystem::path> backing_file_of(const std::filesystem::path& file) {
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) throw system_error(fmt::format("open '{}'", file.string()));
    std::array<char, fixed_size> header{};
    read_at(fd, file, 0, header.data(), header.size());
    const std::uint64_t offset = number_at(header, offset_at, 8);
    const std::uint64_t length = number_at(header, length_at, 4);
    if (number_at(header, 0, 4) != magic || length > longest_name) {
        throw Error(error_code::internal_error, file.string(),
                    fmt::format("'{}' is no qcow2 file", file.string()));
    }
    if (offset == 0 || length == 0) return std::nullopt;
    std::string name(length, '\0');
    read_at(fd, file, offset, name.data(), name.size());
    return name;
}

}  // namespace kiln::images
