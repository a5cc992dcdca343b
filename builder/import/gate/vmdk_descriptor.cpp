#include "builder/import/gate/vmdk_descriptor.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t sector = 512;
// QEMU looks there for a parent, whatever the header says.
constexpr std::uint64_t first_sector = 1;
constexpr std::uint64_t sectors_read_by_qemu = 20;
constexpr std::uint64_t most_sectors = 128;

[[noreturn]] void refuse_descriptor(const std::string& what) {
    refuse("vmdk", fmt::format("its descriptor {}; {}", what, make_it_plain));
}

/// `RW 2048 SPARSE "disk.vmdk"`
struct Extent {
    std::uint64_t sectors = 0;
    std::string_view type;
    std::string_view file;  // with its quotes, and what follows them
};

struct Descriptor {
    std::map<std::string, std::string, std::less<>> values;  // keys in lower case
    std::vector<Extent> extents;
};

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

std::string_view without_quotes(std::string_view text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return text;
    return text.substr(1, text.size() - 2);
}

/// Takes the word that `line` begins with off it.
std::string_view take_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line = trim(line.substr(end));
    return word;
}

bool is_access(std::string_view word) {
    return word == "RW" || word == "RDONLY" || word == "NOACCESS";
}

Extent parse_extent(std::string_view line) {
    const std::string_view whole = line;
    take_word(line);
    const std::string_view count = take_word(line);
    Extent extent;
    const auto [end, error] =
        std::from_chars(count.data(), count.data() + count.size(), extent.sectors);
    extent.type = take_word(line);
    extent.file = line;
    if (error != std::errc{} || end != count.data() + count.size()) {
        refuse_descriptor("has an extent that cannot be read: " + in_quotes(whole));
    }
    return extent;
}

void parse_line(std::string_view line, Descriptor& descriptor) {
    if (line.empty() || line[0] == '#') return;
    if (std::string_view rest = line; is_access(take_word(rest))) {
        descriptor.extents.push_back(parse_extent(line));
        return;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
        refuse_descriptor("has a line that is no comment, value or extent: " + in_quotes(line));
    }
    const std::string key = lower(trim(line.substr(0, equals)));
    const std::string_view value = without_quotes(trim(line.substr(equals + 1)));
    if (!descriptor.values.emplace(key, value).second) {
        refuse_descriptor("says twice what is " + in_quotes(key));
    }
}

/// The descriptor's text up to the zeros after it.
std::string_view text_of(std::string_view sectors) {
    const std::size_t end = sectors.find('\0');
    if (end == std::string_view::npos) refuse_descriptor("does not end where its header says");
    if (sectors.find_first_not_of('\0', end) != std::string_view::npos) {
        refuse_descriptor("has bytes after its end");
    }
    return sectors.substr(0, end);
}

Descriptor parse(std::string_view text) {
    Descriptor descriptor;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        parse_line(trim(text.substr(start, end - start)), descriptor);
        start = end + 1;
    }
    return descriptor;
}

std::string value_of(const Descriptor& descriptor, std::string_view key) {
    const auto found = descriptor.values.find(key);
    return found == descriptor.values.end() ? "" : found->second;
}

void check_kind(const Descriptor& descriptor, bool is_stream) {
    const std::string kind = value_of(descriptor, "createtype");
    if (kind == (is_stream ? "streamOptimized" : "monolithicSparse")) return;
    refuse_descriptor(
        fmt::format("says that its createType is {}, while the file is one of "
                    "monolithicSparse or streamOptimized by itself: here {}",
                    in_quotes(kind), is_stream ? "streamOptimized" : "monolithicSparse"));
}

void check_parent(const Descriptor& descriptor) {
    const std::string parent = lower(value_of(descriptor, "parentcid"));
    if (!parent.empty() && parent != "ffffffff") {
        refuse_descriptor("has a parent (parentCID " + in_quotes(parent) + ")");
    }
    if (descriptor.values.contains("parentfilenamehint")) {
        refuse_descriptor("names a parent (parentFileNameHint)");
    }
}

void check_extent(const Descriptor& descriptor, const VmdkDescriptorPlace& place) {
    if (descriptor.extents.size() != 1) {
        refuse_descriptor(fmt::format("has {} extents, not one", descriptor.extents.size()));
    }
    const Extent& extent = descriptor.extents[0];
    if (extent.type != "SPARSE") {
        refuse_descriptor(
            fmt::format("has an extent of type {}, not SPARSE: its data is in another "
                        "file",
                        in_quotes(extent.type)));
    }
    const std::string_view file = without_quotes(extent.file);
    if (file.empty() || file.size() == extent.file.size() ||
        file.find_first_of("/\\:\"") != std::string_view::npos) {
        refuse_descriptor("names something else than a file beside it as its extent: " +
                          in_quotes(extent.file));
    }
    // Some writers round the capacity up to a whole grain.
    if (extent.sectors > place.capacity || place.capacity - extent.sectors >= place.grain) {
        refuse_descriptor(fmt::format("says that its extent has {} sectors, its header {}",
                                      extent.sectors, place.capacity));
    }
}

}  // namespace

void check_vmdk_descriptor(const ByteSource& source, const VmdkDescriptorPlace& place) {
    if (place.first_sector != first_sector || place.sectors == 0 || place.sectors > most_sectors) {
        refuse_descriptor(fmt::format("is {} sectors at sector {}, not 1 to {} at sector 1",
                                      place.sectors, place.first_sector, most_sectors));
    }
    const std::uint64_t looked_at = std::max(place.sectors, sectors_read_by_qemu);
    const LittleEndianRecord record(source, first_sector * sector, looked_at * sector);
    if (record.bytes().find("parentFileNameHint") != std::string_view::npos) {
        refuse_descriptor("names a parent (parentFileNameHint)");
    }
    const Descriptor descriptor = parse(text_of(record.text(0, place.sectors * sector)));
    if (value_of(descriptor, "version") != "1") refuse_descriptor("is not of version 1");
    check_kind(descriptor, place.is_stream);
    check_parent(descriptor);
    check_extent(descriptor, place);
}

}  // namespace kiln::builder::gate
