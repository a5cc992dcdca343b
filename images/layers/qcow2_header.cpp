#include "images/layers/qcow2_header.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace kiln::images {

namespace {

constexpr std::uint32_t magic = 0x514649fb;  // "QFI\xfb"
constexpr std::uint32_t longest_name = 1023;
constexpr std::size_t fixed_size = 36;
// The offset of the backing file's name, 8 bytes, and its length, 4 bytes.
constexpr std::size_t name_at = 8;
constexpr std::size_t name_length_at = 16;
constexpr std::size_t name_fields_size = 12;
// 4 bytes: 0 for none, 1 for QEMU's old AES, 2 for LUKS.
constexpr std::size_t encryption_at = 32;
constexpr std::string_view json_prefix = "json:";
// 4 bytes.
constexpr std::size_t version_at = 4;
// 8 bytes, from version 3 on.
constexpr std::uint64_t features_at = 72;
constexpr std::uint64_t is_dirty = 1U << 0U;
constexpr std::uint64_t has_compression_type = 1U << 3U;
constexpr std::uint64_t has_subclusters = 1U << 4U;

using Header = std::array<char, fixed_size>;

struct BackingName {
    std::uint64_t offset = 0;
    std::string text;  // empty: there is none
};

void read_at(const Fd& fd, const std::filesystem::path& file, std::uint64_t offset, char* to,
             std::size_t size) {
    const ssize_t count = ::pread(fd.get(), to, size, static_cast<off_t>(offset));
    if (count < 0) throw system_error(fmt::format("read '{}'", file.string()));
    if (static_cast<std::size_t>(count) == size) return;
    throw Error(error_code::internal_error, file.string(),
                fmt::format("'{}' ends within its header", file.string()));
}

/// Numbers are big-endian.
std::uint64_t number_at(const Header& header, std::size_t at, std::size_t size) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < size; ++i)
        number = number << 8U | static_cast<unsigned char>(header.at(at + i));
    return number;
}

void put_number(Header& header, std::size_t at, std::size_t size, std::uint64_t number) {
    for (std::size_t i = size; i-- > 0; number >>= 8U)
        header.at(at + i) = static_cast<char>(number & 0xffU);
}

Fd open_file(const std::filesystem::path& file, int flags) {
    Fd fd(::open(file.c_str(), flags | O_CLOEXEC));
    if (!fd) throw system_error(fmt::format("open '{}'", file.string()));
    return fd;
}

Header read_header(const Fd& fd, const std::filesystem::path& file) {
    Header header{};
    read_at(fd, file, 0, header.data(), header.size());
    if (number_at(header, 0, 4) == magic && number_at(header, name_length_at, 4) <= longest_name)
        return header;
    throw Error(error_code::internal_error, file.string(),
                fmt::format("'{}' is no qcow2 file", file.string()));
}

BackingName read_name(const Fd& fd, const std::filesystem::path& file, const Header& header) {
    BackingName name{.offset = number_at(header, name_at, 8)};
    if (name.offset == 0) return name;
    name.text.resize(number_at(header, name_length_at, 4));
    read_at(fd, file, name.offset, name.text.data(), name.text.size());
    return name;
}

/// {"driver":"qcow2","file":{"driver":"file","filename":"/pool/layer-1.qcow2"},…}
std::string file_in_json(const std::string& name, const std::filesystem::path& file) {
    const auto description = nlohmann::json::parse(name.substr(json_prefix.size()), nullptr, false);
    const auto filename = nlohmann::json::json_pointer("/file/filename");
    if (!description.is_discarded() && description.contains(filename) &&
        description[filename].is_string()) {
        return description[filename].get<std::string>();
    }
    throw Error(error_code::internal_error, file.string(),
                fmt::format("'{}' does not say which file it stands on", file.string()));
}

std::uint64_t incompatible_features(const Fd& fd, const std::filesystem::path& file,
                                    const Header& header) {
    if (number_at(header, version_at, 4) < 3) return 0;
    Header features{};
    read_at(fd, file, features_at, features.data(), 8);
    return number_at(features, 0, 8);
}

[[noreturn]] void refuse_part(const std::filesystem::path& file, const std::string& what) {
    throw Error(error_code::internal_error, file.string(),
                fmt::format("'{}' {}: whoever wrote to its header may have broken out of a guest; "
                            "it is left alone",
                            file.string(), what));
}

bool is_in(const std::filesystem::path& backing, const std::filesystem::path& directory) {
    const auto where = backing.parent_path();
    return where.empty() || where.lexically_normal() == directory;
}

/// Whether QEMU would open nothing but qcow2 files of the directory by the description of a node.
bool stays_in(const nlohmann::json& node, const std::filesystem::path& directory) {
    for (const auto& [key, value] : node.items()) {
        if (key == "data-file") return false;
        if (key == "driver" && value != "qcow2" && value != "file") return false;
        if (key == "filename" && !(value.is_string() && is_in(value.get<std::string>(), directory)))
            return false;
        if (value.is_object() && !stays_in(value, directory)) return false;
    }
    return true;
}

/// The part of the header's name that is the bare name of the backing file.
BackingName bare_name(const BackingName& name, const std::filesystem::path& file) {
    std::string path = name.text;
    if (path.starts_with(json_prefix)) path = file_in_json(path, file);
    const std::string bare = std::filesystem::path(path).filename().string();
    const std::size_t begin = name.text.find(bare);
    if (begin != std::string::npos) return {.offset = name.offset + begin, .text = bare};
    throw Error(error_code::internal_error, file.string(),
                fmt::format("'{}' writes '{}' otherwise in its header", file.string(), bare));
}

}  // namespace

std::optional<std::filesystem::path> backing_file_of(const std::filesystem::path& file) {
    const Fd fd = open_file(file, O_RDONLY);
    const std::string name = read_name(fd, file, read_header(fd, file)).text;
    if (name.empty()) return std::nullopt;
    return name.starts_with(json_prefix) ? file_in_json(name, file) : name;
}

void refuse_foreign_parts(const std::filesystem::path& file,
                          const std::filesystem::path& directory) {
    const Fd fd = open_file(file, O_RDONLY);
    const Header header = read_header(fd, file);
    constexpr std::uint64_t known = is_dirty | has_compression_type | has_subclusters;
    if ((incompatible_features(fd, file, header) & ~known) != 0)
        refuse_part(file, "has features that none of kiln's files has");
    const std::string name = read_name(fd, file, header).text;
    if (name.empty()) return;
    bool is_own = is_in(name, directory);
    if (name.starts_with(json_prefix)) {
        const auto node = nlohmann::json::parse(name.substr(json_prefix.size()), nullptr, false);
        is_own = node.is_object() && stays_in(node, directory);
    }
    if (!is_own) refuse_part(file, fmt::format("names '{}' as its backing file", name));
}

void make_backing_file_relative(const std::filesystem::path& file) {
    const Fd reader = open_file(file, O_RDONLY);
    Header header = read_header(reader, file);
    const BackingName name = read_name(reader, file, header);
    if (name.text.empty()) return;
    // A part of the name is a name too.
    const BackingName bare = bare_name(name, file);
    if (bare.text == name.text) return;
    put_number(header, name_at, 8, bare.offset);
    put_number(header, name_length_at, 4, bare.text.size());
    const Fd writer = open_file(file, O_WRONLY);
    const ssize_t count =
        ::pwrite(writer.get(), header.data() + name_at, name_fields_size, name_at);
    if (count == static_cast<ssize_t>(name_fields_size)) return;
    throw system_error(fmt::format("write '{}'", file.string()));
}

bool is_encrypted(const std::filesystem::path& file) {
    const Fd fd = open_file(file, O_RDONLY);
    return number_at(read_header(fd, file), encryption_at, 4) != 0;
}

}  // namespace kiln::images
