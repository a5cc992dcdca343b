#include "builder/import/gate/tar.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t block = 512;
constexpr std::uint64_t most_padding = 1ULL << 20;  // after the end of the archive

constexpr const char* pack_again =
    "pack the files anew: tar --format=ustar -cf NEW.ova *.ovf *.vmdk";

[[noreturn]] void refuse_entry(std::uint64_t offset, const std::string& what) {
    refuse("ova", fmt::format("the archive's entry at offset {} {}; {}", offset, what, pack_again));
}

std::string_view up_to_zero(std::string_view field) {
    return field.substr(0, std::min(field.find('\0'), field.size()));
}

/// Octal digits between spaces and zeros.
std::optional<std::uint64_t> parse_octal(std::string_view field) {
    const std::size_t begin = field.find_first_not_of(' ');
    if (begin == std::string_view::npos) return std::nullopt;
    std::string_view digits = field.substr(begin);
    digits = digits.substr(0, std::min(digits.find_first_of(" \0"sv), digits.size()));
    if (digits.empty()) return std::nullopt;
    std::uint64_t number = 0;
    for (const char digit : digits) {  // at most 12 of them
        if (digit < '0' || digit > '7') return std::nullopt;
        number = number * 8 + static_cast<std::uint64_t>(digit - '0');
    }
    return number;
}

/// Files from 8 GiB on have it as a binary number, of which the first bit is set.
std::optional<std::uint64_t> parse_size(std::string_view field) {
    if ((static_cast<unsigned char>(field[0]) & 0x80) == 0) return parse_octal(field);
    const bool is_small = field[0] == '\x80' && field.substr(1, 3) == "\0\0\0"sv;
    if (!is_small) return std::nullopt;
    return load<std::uint64_t, ByteOrder::big>(field.data() + 4);
}

bool has_right_sum(const BigEndianRecord& header) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < block; ++i) {
        const bool is_sum = i >= 148 && i < 156;  // counted as spaces
        sum += is_sum ? ' ' : header.u8(i);
    }
    return parse_octal(header.text(148, 8)) == sum;
}

std::string checked_name(const BigEndianRecord& header, std::uint64_t offset) {
    std::string name(up_to_zero(header.text(0, 100)));
    const bool is_odd = std::ranges::any_of(
        name, [](char c) { return c == '/' || c == '\\' || (c >= 0 && c < ' ') || c == 0x7f; });
    if (name.empty() || name == "." || name == ".." || is_odd || header.u8(345) != 0) {
        refuse_entry(offset, "has a name with a directory, or no proper one: " + in_quotes(name));
    }
    return name;
}

void check_kind(const BigEndianRecord& header, std::uint64_t offset) {
    const std::string_view magic = header.text(257, 8);
    if (magic !=
            "ustar\0"
            "00"sv &&
        magic != "ustar  \0"sv) {
        refuse_entry(offset, "is not of the format ustar");
    }
    if (!has_right_sum(header)) refuse_entry(offset, "has a wrong checksum");
    const std::uint8_t kind = header.u8(156);
    if (kind != '0' && kind != 0) {
        refuse_entry(offset, fmt::format("is no plain file but of type {}: a link, device, "
                                         "directory, sparse file or extended header",
                                         in_quotes(header.text(156, 1))));
    }
}

TarEntry read_entry(const ByteSource& source, const BigEndianRecord& header, std::uint64_t offset) {
    check_kind(header, offset);
    const auto size = parse_size(header.text(124, 12));
    const Range content{offset + block, size.value_or(too_large)};
    if (!content.is_within(source.size())) {
        refuse_entry(offset, "does not end within the file: it is cut off");
    }
    return {checked_name(header, offset), content};
}

bool is_zero(std::string_view bytes) {
    return bytes.find_first_not_of('\0') == std::string_view::npos;
}

/// Nothing may hide behind the end.
void check_rest(const ByteSource& source, std::uint64_t offset) {
    const std::uint64_t length = source.size() - std::min(offset, source.size());
    if (length > most_padding || !is_zero(BigEndianRecord(source, offset, length).bytes())) {
        refuse("ova", fmt::format("something follows the archive's end at offset {}; {}", offset,
                                  pack_again));
    }
}

void add_entry(TarEntry entry, std::uint64_t offset, std::vector<TarEntry>& entries) {
    if (entries.size() == most_tar_entries) {
        refuse("ova", fmt::format("the archive has more than {} files", most_tar_entries));
    }
    if (std::ranges::find(entries, entry.name, &TarEntry::name) != entries.end()) {
        refuse_entry(offset, "has a name that stands twice: " + in_quotes(entry.name));
    }
    entries.push_back(std::move(entry));
}

}  // namespace

std::vector<TarEntry> read_tar(const ByteSource& source) {
    std::vector<TarEntry> entries;
    std::uint64_t offset = 0;
    while (offset < source.size()) {
        const BigEndianRecord header(source, offset, block);
        if (is_zero(header.bytes())) break;
        add_entry(read_entry(source, header, offset), offset, entries);
        offset = round_up(entries.back().content.end(), block);
    }
    check_rest(source, offset);
    return entries;
}

}  // namespace kiln::builder::gate
