#include "builder/import/gate/signatures.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "builder/import/gate/record.hpp"

namespace kiln::builder::gate {

namespace {

using namespace std::string_view_literals;

constexpr auto convert_it = "make a qcow2 file of it: qemu-img convert -O qcow2 FILE NEW"sv;
constexpr auto open_it = "open it, and import a copy in clear: qemu-img convert -O qcow2"sv;

/// A text that stands at a certain place of the file.
struct Mark {
    std::size_t offset;
    std::string_view text;
    Signature signature;
};

// What begins within the first bytes.
constexpr std::array marks{
    Mark{0, "QFI\xfb\0\0\0\1"sv, {"QCOW1", {}, convert_it}},
    Mark{0, "QFI\xfb"sv, {"qcow2", DiskFormat::qcow2, {}}},
    Mark{0, "KDMV"sv, {"vmdk", DiskFormat::vmdk, {}}},
    Mark{0, "COWD"sv, {"VMDK vmfsSparse", {}, convert_it}},
    Mark{0, "conectix"sv, {"vhd", DiskFormat::vhd, {}}},
    Mark{0, "vhdxfile"sv, {"vhdx", DiskFormat::vhdx, {}}},
    Mark{257, "ustar"sv, {"ova", DiskFormat::ova, {}}},
    Mark{0, "QED\0"sv, {"QED", {}, convert_it}},
    Mark{64, "\x7f\x10\xda\xbe"sv, {"VDI", {}, convert_it}},
    Mark{0, "LUKS\xba\xbe"sv, {"LUKS", {}, open_it}},
    Mark{0, "SKUL\xba\xbe"sv, {"LUKS", {}, open_it}},
    Mark{0, "WithoutFreeSpace"sv, {"Parallels", {}, convert_it}},
    Mark{0, "WithouFreSpacExt"sv, {"Parallels", {}, convert_it}},
    Mark{0, "Bochs Virtual HD Image"sv, {"Bochs", {}, convert_it}},
    Mark{0, "#!/bin/sh\n#V2.0 Format\n"sv, {"cloop", {}, convert_it}},
    Mark{0, "\x1f\x8b\x08"sv, {"gzip", {}, "unpack it first: gunzip FILE"sv}},
    Mark{0, "PK\3\4"sv, {"zip", {}, "unpack it first: unzip FILE"sv}},
    Mark{0,
         "\xfd"
         "7zXZ\0"sv,
         {"xz", {}, "unpack it first: unxz FILE"sv}},
    Mark{0, "\x28\xb5\x2f\xfd"sv, {"zstd", {}, "unpack it first: unzstd FILE"sv}},
    Mark{0, "BZh"sv, {"bzip2", {}, "unpack it first: bunzip2 FILE"sv}},
    Mark{0, "7z\xbc\xaf\x27\x1c"sv, {"7z", {}, "unpack it first: 7z x FILE"sv}},
    Mark{0, "\x04\x22\x4d\x18"sv, {"lz4", {}, "unpack it first: unlz4 FILE"sv}},
    Mark{0, "Rar!\x1a\x07"sv, {"RAR", {}, "unpack it first: unrar x FILE"sv}},
};

constexpr std::size_t head_size = 512;
constexpr std::size_t tail_size = 512;
constexpr std::uint64_t iso_offset = 0x8001;

void add(std::vector<Signature>& found, const Signature& signature) {
    const auto same = [&](const Signature& other) { return other.name == signature.name; };
    if (std::ranges::none_of(found, same)) found.push_back(signature);
}

/// As QEMU tells the text of a VMDK: after comments and empty lines comes the version.
bool is_vmdk_text(std::string_view head) {
    if (head.starts_with("# Disk DescriptorFile")) return true;
    while (!head.empty() &&
           (head[0] == '#' || head[0] == ' ' || head[0] == '\n' || head[0] == '\r')) {
        const std::size_t end = head.find('\n');
        if (head[0] == ' ' || end == std::string_view::npos) {
            head.remove_prefix(1);
        } else {
            head.remove_prefix(end + 1);
        }
    }
    return head.starts_with("version=");
}

void add_marks(std::vector<Signature>& found, std::string_view head) {
    const bool is_qcow1 = head.starts_with(marks[0].text);
    for (const Mark& mark : marks) {
        if (head.substr(mark.offset, mark.text.size()) != mark.text) continue;
        if (is_qcow1 && mark.signature.format == DiskFormat::qcow2) continue;
        add(found, mark.signature);
    }
}

void add_tail(std::vector<Signature>& found, const ByteSource& source) {
    const std::uint64_t offset = source.size() < tail_size ? 0 : source.size() - tail_size;
    const BigEndianRecord tail(source, offset, tail_size);
    if (tail.bytes().starts_with("conectix")) add(found, {"vhd", DiskFormat::vhd, {}});
    if (tail.bytes().starts_with("koly")) add(found, {"DMG", {}, convert_it});
}

}  // namespace

std::vector<Signature> signatures_of(const ByteSource& source) {
    std::vector<Signature> found;
    const BigEndianRecord head(source, 0, head_size);
    add_marks(found, head.bytes());
    if (is_vmdk_text(head.bytes())) {
        add(found, {"VMDK descriptor",
                    {},
                    "it only names other files; import one that holds the disk:"
                    " qemu-img convert -O qcow2 FILE NEW"});
    }
    if (BigEndianRecord(source, iso_offset, 5).bytes() == "CD001") {
        add(found, {iso_9660, {}, "import it as raw if it is meant as a disk"});
    }
    add_tail(found, source);
    return found;
}

}  // namespace kiln::builder::gate
