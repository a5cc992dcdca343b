#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace kiln::images {

/// An open file, and its name for errors.
struct OpenFile {
    std::filesystem::path path;
    Fd fd;
};
/// `flags` as open(2)'s; a file that it makes is for its owner only. Throws Error{InternalError}.
OpenFile open_file(const std::filesystem::path& path, int flags);

/// Gives an empty file the blocks of another, each to be copied when one of the two writes it.
/// Returns whether the file systems could do that.
bool share_blocks(const OpenFile& from, const OpenFile& to);

/// Called with the bytes that were copied since the last call; one call at a time, in any thread.
using TransferProgress = std::function<void(Bytes)>;

/// Copies a file, which nothing may write meanwhile, into an empty one, which must be readable,
/// too. Holes stay holes, and what was written is read back and compared. Two threads share the
/// work: copying is bound by what one processor moves between the kernel and here. Syncs nothing.
///
/// Throws Error{InternalError} with the cause, and Error{Canceled} when `stop` was requested; the
/// target then holds a part. Any thread.
void copy_data(const OpenFile& from, const OpenFile& to, const TransferProgress& progress,
               const std::stop_token& stop);

/// Largest piece that is copied and compared at once: it stays in the processor's cache.
inline constexpr std::size_t piece_size = std::size_t{256} << 10U;

/// Room for a piece, at the beginning of a page: the kernel copies from and to there half as fast
/// again as elsewhere.
class PieceBuffer {
  public:
    std::span<char> first(std::size_t size) {
        return std::span(reinterpret_cast<char*>(pages_.data()), piece_size).first(size);
    }

  private:
    static constexpr std::size_t page_size = 4096;
    struct alignas(page_size) Page {
        std::array<char, page_size> bytes;
    };
    std::vector<Page> pages_ = std::vector<Page>(piece_size / page_size);
};

/// Reads a piece of a file (at most piece_size) into `buffer` and compares it. Throws
/// Error{InternalError} that says where it differs from `wanted`.
void check_piece(const OpenFile& file, Bytes begin, std::string_view wanted, PieceBuffer& buffer);

}  // namespace kiln::images
