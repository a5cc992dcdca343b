#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace kiln::builder::gate {

class ByteSource;

/// What an imported file can be. Its words are those of EC2's ImportImage, and "qcow2".
enum class DiskFormat { raw, qcow2, vmdk, vhd, vhdx, ova };

/// "raw", "qcow2", "vmdk", "vhd", "vhdx", "ova".
const char* to_text(DiskFormat format);
/// The same words in capitals or not; nullopt for any other.
std::optional<DiskFormat> parse_disk_format(std::string_view text);

/// No disk is larger.
inline constexpr Bytes max_virtual_size{64ULL << 40};

/// One disk of a file that has passed.
struct InspectedDisk {
    DiskFormat format;   // never ova
    Bytes virtual_size;  // as QEMU reads it; a multiple of 512, never 0, at most max_virtual_size
    Bytes offset;        // where the disk begins in the file: 0, but for a disk of an OVA
    Bytes length;        // how many bytes of the file are its own
};

struct InspectedFile {
    DiskFormat format;
    std::vector<InspectedDisk> disks;  // one, but for an OVA: at least one
};

/// Looks at a foreign file before any other program does, and refuses what is not plainly one disk
/// that stands on its own (docs/design/builder.md, "The gate"). It reads through the descriptor
/// alone, at given offsets, and opens nothing. Bounded whatever the file says: at most 64 MiB of
/// memory, and well under a second when the file is in the page cache.
///
/// `declared` is what the user said that the file is, if anything: a file that is something else
/// is refused. A file without any format's signature is a raw disk. One with a signature is never
/// taken for raw, not even when declared so.
///
/// Throws Error{InvalidParameterValue} with a message that names the field that is wrong and, where
/// the user can, how to mend it; Error{InternalError} when the file cannot be read. Any thread.
InspectedFile inspect(int fd, std::optional<DiskFormat> declared);
/// The same of bytes from anywhere.
InspectedFile inspect(const ByteSource& source, std::optional<DiskFormat> declared);

}  // namespace kiln::builder::gate
