#include "builder/import/gate/qcow2_extensions.hpp"

#include <algorithm>
#include <vector>

#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint32_t end_of_extensions = 0;
constexpr std::uint32_t encryption_header = 0x0537be77;
constexpr std::uint32_t bitmaps = 0x23852875;
constexpr std::uint32_t external_data_file = 0x44415441;

constexpr std::uint32_t bitmaps_length = 24;
constexpr std::size_t most_extensions = 64;

struct Extension {
    std::uint32_t type;
    Range content;
};

/// nullopt at the end of all.
std::optional<Extension> extension_at(const ByteSource& source, std::uint64_t offset,
                                      std::uint64_t end) {
    if (offset >= end) return std::nullopt;
    const BigEndianRecord head(source, offset, 8);
    const Extension extension{head.u32(0), {offset + 8, head.u32(4)}};
    if (extension.type == end_of_extensions) return std::nullopt;
    if (!extension.content.is_within(std::min(end, source.size()))) {
        refuse("qcow2",
               fmt::format("the header extension {:#010x} of {} bytes at offset {} does not "
                           "fit into the first cluster; {}",
                           extension.type, extension.content.length, offset, mend_qcow2));
    }
    return extension;
}

std::vector<Extension> extensions_of(const ByteSource& source, const Qcow2Header& header) {
    std::vector<Extension> extensions;
    std::uint64_t offset = header.length;
    while (const auto extension = extension_at(source, offset, header.cluster_size())) {
        if (extensions.size() == most_extensions) {
            refuse("qcow2", fmt::format("it has more than {} header extensions; {}",
                                        most_extensions, make_it_plain));
        }
        extensions.push_back(*extension);
        offset = round_up(extension->content.end(), 8);
    }
    return extensions;
}

void refuse_what_points_out(const std::vector<Extension>& extensions) {
    for (const Extension& extension : extensions) {
        if (extension.type == external_data_file) {
            refuse("qcow2", fmt::format("a header extension names an external data file; {}",
                                        make_it_plain));
        }
        if (extension.type == encryption_header) {
            refuse("qcow2",
                   "a header extension points to an encryption header: it is encrypted; "
                   "import a copy in clear");
        }
    }
}

void refuse_duplicates(std::vector<Extension> extensions) {
    std::ranges::sort(extensions, {}, &Extension::type);
    const auto twice = std::ranges::adjacent_find(extensions, {}, &Extension::type);
    if (twice == extensions.end()) return;
    refuse("qcow2", fmt::format("the header extension {:#010x} stands twice; {}", twice->type,
                                make_it_plain));
}

Qcow2Bitmaps read_bitmaps(const ByteSource& source, const Range& content) {
    if (content.length != bitmaps_length) {
        refuse("qcow2", fmt::format("the bitmaps extension has {} bytes, not {}; {}",
                                    content.length, bitmaps_length, mend_qcow2));
    }
    const BigEndianRecord record(source, content.offset, bitmaps_length);
    const Qcow2Bitmaps found{record.u32(0), {record.u64(16), record.u64(8)}};
    if (found.count == 0 || found.count > most_bitmaps || record.u32(4) != 0) {
        refuse("qcow2",
               fmt::format("the bitmaps extension tells of {} bitmaps: none, more than {}, "
                           "or with reserved bits set; the import would drop them: {}",
                           found.count, most_bitmaps, make_it_plain));
    }
    return found;
}

}  // namespace

std::optional<Qcow2Bitmaps> read_qcow2_extensions(const ByteSource& source,
                                                  const Qcow2Header& header) {
    const std::vector<Extension> extensions = extensions_of(source, header);
    refuse_what_points_out(extensions);
    refuse_duplicates(extensions);
    const auto found = std::ranges::find(extensions, bitmaps, &Extension::type);
    if (found == extensions.end()) return std::nullopt;
    return read_bitmaps(source, found->content);
}

}  // namespace kiln::builder::gate
