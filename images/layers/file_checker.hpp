#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace kiln::images {

/// Largest piece that is checked at once: it stays in the processor's cache meanwhile.
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

/// A piece of a file and the digest (XXH3) of what it must hold.
struct Piece {
    Bytes begin;
    std::size_t size;  // at most piece_size
    std::uint64_t digest;
};
std::uint64_t digest_of(std::string_view bytes);

/// Reads pieces of a file back in a thread of its own and compares them with what was written
/// there. add() and finish() are for one thread.
class FileChecker {
  public:
    /// `file` must be readable and stay open while this lives; `path` names it in errors.
    FileChecker(const Fd& file, std::filesystem::path path);
    ~FileChecker();
    FileChecker(const FileChecker&) = delete;
    FileChecker& operator=(const FileChecker&) = delete;

    /// Waits while too many are not checked yet. Throws Error{InternalError} when one that was
    /// added before does not hold what it must.
    void add(const Piece& piece);
    /// Waits until all are checked. Throws likewise.
    void finish();

  private:
    std::optional<Piece> take();
    void run();
    void check(const Piece& piece, PieceBuffer& buffer) const;

    const Fd& file_;
    std::filesystem::path path_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Piece> pieces_;
    std::exception_ptr failure_;
    bool busy_ = false;
    bool closed_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace kiln::images
