#include "builder/import/gate/ova.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/import/gate/ovf.hpp"
#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"
#include "builder/import/gate/signatures.hpp"
#include "builder/import/gate/tar.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t largest_text = 1ULL << 20;
constexpr std::size_t most_disks = 16;
constexpr std::size_t sha1_digits = 40;
constexpr std::size_t sha256_digits = 64;
constexpr std::size_t sha512_digits = 128;

std::vector<const TarEntry*> entries_with(const std::vector<TarEntry>& entries,
                                          std::string_view ending) {
    std::vector<const TarEntry*> found;
    for (const TarEntry& entry : entries) {
        if (entry.name.ends_with(ending)) found.push_back(&entry);
    }
    return found;
}

const TarEntry* entry_named(const std::vector<TarEntry>& entries, std::string_view name) {
    const auto found = std::ranges::find(entries, name, &TarEntry::name);
    return found == entries.end() ? nullptr : &*found;
}

std::string read_text(const ByteSource& source, const TarEntry& entry) {
    if (entry.content.length > largest_text) {
        refuse("ova", fmt::format("its file {} has {} bytes, more than 1 MiB",
                                  in_quotes(entry.name), entry.content.length));
    }
    return std::string(BigEndianRecord(source, entry.content.offset, entry.content.length).bytes());
}

const TarEntry& only_ovf(const std::vector<TarEntry>& entries) {
    const auto found = entries_with(entries, ".ovf");
    if (found.empty()) {
        refuse("tar", "this is no OVA, as there is no OVF in it; unpack it first: tar -xf FILE");
    }
    if (found.size() > 1) refuse("ova", fmt::format("it has {} OVFs, not one", found.size()));
    return *found[0];
}

bool is_digest(std::string_view algorithm, std::string_view digits) {
    const std::size_t length = algorithm == "SHA1"     ? sha1_digits
                               : algorithm == "SHA256" ? sha256_digits
                               : algorithm == "SHA512" ? sha512_digits
                                                       : 0;
    return length != 0 && digits.size() == length &&
           digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

/// `SHA256(disk.vmdk)= 01ab…`
void check_manifest_line(const std::vector<TarEntry>& entries, std::string_view line) {
    const std::size_t open = line.find('(');
    const std::size_t close = line.rfind(')');
    const bool has_name = open != std::string_view::npos && close != std::string_view::npos &&
                          open < close && line.substr(close).starts_with(")=");
    if (!has_name || !is_digest(line.substr(0, open), trim(line.substr(close + 2)))) {
        refuse("ova", "its manifest has a line that is no SHA1, SHA256 or SHA512 of a file: " +
                          in_quotes(line));
    }
    const std::string_view name = line.substr(open + 1, close - open - 1);
    if (entry_named(entries, name) == nullptr) {
        refuse("ova",
               fmt::format("its manifest names {}, which is not in it; the OVA is not whole: "
                           "copy it again",
                           in_quotes(name)));
    }
}

void check_manifest(const ByteSource& source, const std::vector<TarEntry>& entries) {
    const auto manifests = entries_with(entries, ".mf");
    if (manifests.empty()) return;
    if (manifests.size() > 1) refuse("ova", "it has more than one manifest");
    for (const std::string& line : split(read_text(source, *manifests[0]), '\n')) {
        if (const std::string_view text = trim(line); !text.empty()) {
            check_manifest_line(entries, text);
        }
    }
}

void check_entries(const std::vector<TarEntry>& entries, const Ovf& ovf) {
    for (const TarEntry& entry : entries) {
        const bool is_known = entry.name.ends_with(".ovf") || entry.name.ends_with(".mf") ||
                              entry.name.ends_with(".cert") ||
                              std::ranges::find(ovf.files, entry.name) != ovf.files.end();
        if (!is_known) {
            refuse("ova", fmt::format("its file {} is none that its OVF refers to",
                                      in_quotes(entry.name)));
        }
    }
}

/// Archives in archives would have no end.
void refuse_archive(const ByteSource& part) {
    const auto is_archive = [](const Signature& found) { return found.format == DiskFormat::ova; };
    if (std::ranges::any_of(signatures_of(part), is_archive)) {
        refuse("ova", "an archive cannot be a disk");
    }
}

InspectedDisk inspect_disk(const ByteSource& source, const TarEntry& entry) {
    try {
        const PartOfBytes part(source, entry.content.offset, entry.content.length);
        refuse_archive(part);
        InspectedDisk disk = inspect(part, std::nullopt).disks.at(0);
        disk.offset = Bytes{entry.content.offset};
        return disk;
    } catch (const Error& error) {
        if (error.code() != error_code::invalid_parameter_value) throw;
        throw Error(error.code(), error.resource(),
                    fmt::format("in the OVA, disk {}: {}", in_quotes(entry.name), error.message()));
    }
}

}  // namespace

std::vector<InspectedDisk> inspect_ova(const ByteSource& source) {
    const std::vector<TarEntry> entries = read_tar(source);
    const Ovf ovf = parse_ovf(read_text(source, only_ovf(entries)));
    check_entries(entries, ovf);
    check_manifest(source, entries);
    if (ovf.disks.size() > most_disks) {
        refuse("ova", fmt::format("it has {} disks, more than {}", ovf.disks.size(), most_disks));
    }
    std::vector<InspectedDisk> disks;
    for (const std::string& name : ovf.disks) {
        const TarEntry* entry = entry_named(entries, name);
        if (entry == nullptr) {
            refuse("ova",
                   fmt::format("its OVF names the disk {}, which is not in it; the OVA is not "
                               "whole: copy it again",
                               in_quotes(name)));
        }
        disks.push_back(inspect_disk(source, *entry));
    }
    return disks;
}

}  // namespace kiln::builder::gate
