#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>

#include "base/units.hpp"

namespace kiln::images::qemu_img {

/// The qemu-img command line, in one place. Formats are always explicit, a backing file is never
/// probed. All throw Error{InternalError} with qemu-img's own last words. Any thread.

struct NewImage {
    std::filesystem::path path;
    Bytes size;
    std::optional<std::filesystem::path> backing;  // a qcow2 file in the same directory
};
void create(const NewImage& image);

/// Makes a qcow2 file that nobody has open larger.
void grow(const std::filesystem::path& path, Bytes size);

/// Gives a qcow2 file that nobody has open another backing file of its directory, further down in
/// its chain, or none: copies into it what lies between the two.
void rebase(const std::filesystem::path& path, const std::optional<std::filesystem::path>& backing,
            std::stop_token stop);

/// Converts a trusted raw file into a qcow2 file without holes' bytes, written back and synced.
void convert_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                 std::stop_token stop);
/// Reads a qcow2 file with all that it stands on into a raw file with holes.
void convert_to_raw(const std::filesystem::path& from, const std::filesystem::path& to,
                    std::stop_token stop);
/// `qemu-img check`: throws when the image is damaged (leaked clusters are no damage).
void check(const std::filesystem::path& path);
/// Virtual size of a qcow2 file that a guest may be using.
Bytes virtual_size(const std::filesystem::path& path);

}  // namespace kiln::images::qemu_img
