#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/sha256.hpp"
#include "base/units.hpp"

namespace kiln::images {

/// Disk files travel in frames: 16 MiB of the file each, the last one less, compressed on their own
/// (zstd, RFC 8878, with its checksum), so that each can be verified and unpacked on its own.
inline constexpr Bytes frame_size = Bytes::mebibytes(16);
/// No frame is larger than this when it is compressed.
extern const Bytes max_compressed_frame_size;

/// How many frames a file of that size has.
std::uint64_t count_frames(Bytes file_size);
/// How many bytes of a file of that size the frame `index` holds.
Bytes size_of_frame(Bytes file_size, std::uint64_t index);

std::string compress_frame(std::string_view bytes);
/// nullopt unless `frame` holds `size` bytes exactly; never takes memory for more.
std::optional<std::string> decompress_frame(std::string_view frame, Bytes size);

/// Reads a trusted local file frame by frame. One thread.
class FrameReader {
  public:
    explicit FrameReader(std::filesystem::path file);

    /// The file's size when it was opened.
    Bytes size() const { return size_; }
    Bytes position() const { return position_; }
    /// The next frame's bytes; nullopt at the end. Throws Error{InternalError} when the file became
    /// shorter.
    std::optional<std::string> next();
    /// The SHA-256 of what was read so far.
    std::string digest() const { return digest_.hex(); }

  private:
    std::filesystem::path path_;
    Fd file_;
    Bytes size_;
    Bytes position_;
    Sha256 digest_;
};

}  // namespace kiln::images
