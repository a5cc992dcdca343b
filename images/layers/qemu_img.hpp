#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/confinement.hpp"
#include "base/units.hpp"
#include "images/layers/layer_key.hpp"

namespace kiln::images::qemu_img {

/// The qemu-img command line, in one place. Formats are always explicit, a backing file is never
/// probed. A file whose chain is encrypted, wholly or in part, needs the chain's key; qemu-img
/// reads it from a pipe. All throw Error{InternalError} with qemu-img's own last words. Any thread.

struct NewImage {
    std::filesystem::path path;
    Bytes size;
    std::optional<std::filesystem::path> backing;  // a qcow2 file in the same directory
};
void create(const NewImage& image);

/// Makes an empty encrypted file of no size that stands on nothing. QEMU first measures for two
/// seconds how quick the processor is: copy the blank to make more files with the same key.
void create_blank(const std::filesystem::path& path, const LayerKey& key);
/// Makes of a copy of a blank what `image` says.
void shape_blank(const NewImage& image, const LayerKey& key);

/// Makes a qcow2 file that nobody has open larger.
void grow(const std::filesystem::path& path, Bytes size,
          const std::optional<LayerKey>& key = std::nullopt);

/// Gives a qcow2 file that nobody has open another backing file of its directory, further down in
/// its chain, or none: copies into it what lies between the two. With a key all of both chains is
/// read and compared, and a crash at the end may leave the backing file named by a json:
/// description, which reads the same.
void rebase(const std::filesystem::path& path, const std::optional<std::filesystem::path>& backing,
            std::stop_token stop, const std::optional<LayerKey>& key = std::nullopt);

/// Converts a trusted raw file into a qcow2 file without holes' bytes, written back and synced.
void convert_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                 std::stop_token stop);

struct Encryption {
    std::filesystem::path from;        // the top of a chain that nobody writes to
    std::optional<LayerKey> from_key;  // absent: the chain is in clear
    std::filesystem::path to;          // a shaped blank, as large or larger, that stands on nothing
    LayerKey to_key;
};
/// Copies all that is read through a chain into an encrypted file, written back and synced.
void encrypt(const Encryption& encryption, std::stop_token stop);

/// Makes one qcow2 file of a chain in clear, written back and synced: it stands on nothing.
void flatten(const std::filesystem::path& from, const std::filesystem::path& to,
             std::stop_token stop);
/// Reads a qcow2 file with all that it stands on into a raw file with holes.
void convert_to_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                    std::stop_token stop);
/// A disk that somebody else made, in a file that its confined reader may read. Its header must
/// have been looked at before: no other program may be the first to see it. It is read as the
/// format says, stands on nothing, and is all that is opened.
struct ForeignDisk {
    std::filesystem::path file;
    std::string format;  // QEMU's word: "raw", "qcow2", "vmdk", "vpc", "vhdx"
    Bytes offset;        // where in the file it begins
    Bytes length;        // and how much of it is the disk's
    Confinement confinement;
    std::stop_token stop = {};
};
/// What the disk needs as a layer, at most. Throws Error{InvalidDisk} for one that cannot be read.
Bytes measure(const ForeignDisk& disk);
/// Throws Error{InvalidDisk} for one whose tables contradict each other.
void check(const ForeignDisk& disk);
/// Its virtual size. Throws likewise.
Bytes virtual_size(const ForeignDisk& disk);
/// Copies what is read of the disk into an empty qcow2 file of its size that the confined reader
/// may write, and syncs it. `on_percent` is called now and then.
void import(const ForeignDisk& disk, const std::filesystem::path& to,
            const std::function<void(int percent)>& on_percent);
inline constexpr const char* invalid_disk = "InvalidDisk";

/// What others read. Each file stands alone and is made with what most programs understand.
enum class ExportFormat {
    qcow2,             // version 3, compressed with zlib
    qcow2_to_work_on,  // likewise, but not compressed: quicker as a disk
    raw,               // with holes
    vmdk,              // streamOptimized, as in an OVA
    vhd,               // dynamic, of exactly the disk's size
    vhdx               // dynamic
};
/// Told from 0 to 100, in the calling thread.
using PercentCallback = std::function<void(int percent)>;

struct Export {
    std::filesystem::path from;  // the top of a chain in clear that nobody writes to
    std::filesystem::path to;    // there is nothing yet
    ExportFormat format;
};
/// Makes one file of a chain, written back and synced.
void export_disk(const Export& wanted, const PercentCallback& on_percent, std::stop_token stop);

struct Delta {
    std::filesystem::path from;  // as of an Export
    std::filesystem::path base;  // so too: the top of what the reader has already
    std::filesystem::path to;
    std::string base_name;  // by which the file names its backing file; no directory
};
/// Makes a compressed qcow2 file of what a chain has and another one, the base, has not, written
/// back and synced. Its header names a file beside it as its backing file, and none of this host.
/// Clusters that both chains have in common are not read; the others are compared. Uses `to` with
/// the suffix ".overlay" meanwhile.
void export_delta(const Delta& delta, const PercentCallback& on_percent, std::stop_token stop);

/// Makes an empty file that stands on the top of any chain, by its path: for what does not last.
void create_scratch(const std::filesystem::path& path, const std::filesystem::path& backing);

/// `qemu-img check`: throws when the image is damaged (leaked clusters are no damage).
void check(const std::filesystem::path& path, const std::optional<LayerKey>& key = std::nullopt);
/// Virtual size of a qcow2 file that a guest may be using; needs no key.
Bytes virtual_size(const std::filesystem::path& path);

}  // namespace kiln::images::qemu_img
