#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace kiln::images {

/// Largest piece that is checked at once.
inline constexpr std::size_t piece_size = std::size_t{1} << 20U;

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
    void check(const Piece& piece, std::vector<char>& buffer) const;

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
