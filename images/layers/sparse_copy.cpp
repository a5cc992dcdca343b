#include "images/layers/sparse_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"

namespace kiln::images {

namespace {

/// Written back while the copy goes on, so that a sync at the end has little left to do.
constexpr std::uint64_t writeback_size = std::uint64_t{32} << 20U;

/// A stretch of a file that holds data.
struct Extent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    std::size_t size() const { return end - begin; }
};

/// The data that begins at or after `from`; nullopt when the rest is a hole.
std::optional<Extent> next_extent(const OpenFile& file, std::uint64_t from) {
    const off_t begin = ::lseek(file.fd.get(), static_cast<off_t>(from), SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return std::nullopt;
    const off_t end = begin < 0 ? begin : ::lseek(file.fd.get(), begin, SEEK_HOLE);
    if (end < 0) throw system_error(fmt::format("find the data of '{}'", file.path.string()));
    return Extent{static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end)};
}

/// What tells that a file was written.
struct FileState {
    off_t size = 0;
    timespec modified{};
};

FileState state_of(const OpenFile& file) {
    struct stat status {};
    if (::fstat(file.fd.get(), &status) == 0) return {status.st_size, status.st_mtim};
    throw system_error(fmt::format("read the size of '{}'", file.path.string()));
}

void throw_if_changed(const OpenFile& file, const FileState& before) {
    const FileState after = state_of(file);
    if (after.size == before.size && after.modified.tv_sec == before.modified.tv_sec &&
        after.modified.tv_nsec == before.modified.tv_nsec)
        return;
    throw Error(
        error_code::internal_error, file.path.string(),
        fmt::format("'{}' was written while it was copied: copy it when nothing writes to it",
                    file.path.string()));
}

/// One copy, whose pieces several threads take.
class Copy {
  public:
    Copy(const OpenFile& from, const OpenFile& to, const TransferProgress& progress,
         const std::stop_token& stop)
        : from_(from), to_(to), progress_(progress), stop_(stop) {}

    void run() {
        auto helper = start_helper();
        copy_pieces();
        if (helper.valid()) helper.get();
        throw_if_stopped();
    }

  private:
    /// No future when there is no thread to be had: one copies, too.
    std::future<void> start_helper() {
        try {
            return std::async(std::launch::async, [this] { copy_pieces(); });
        } catch (const std::system_error&) {
            return {};
        }
    }

    void copy_pieces() {
        try {
            PieceBuffer buffer;
            PieceBuffer check_buffer;
            while (const auto piece = take()) {
                throw_if_stopped();
                copy_piece(*piece, buffer, check_buffer);
                tell(piece->size());
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            over_ = true;
            throw;
        }
    }

    /// nullopt: all are taken, or the other thread gave up.
    std::optional<Extent> take() {
        const std::lock_guard lock(mutex_);
        if (rest_.size() == 0 && !over_) {
            const auto next = next_extent(from_, rest_.end);
            over_ = !next;
            rest_ = next.value_or(rest_);
        }
        if (over_) return std::nullopt;
        const Extent piece{rest_.begin, std::min(rest_.end, rest_.begin + piece_size)};
        rest_.begin = piece.end;
        return piece;
    }

    void throw_if_stopped() const {
        if (stop_.stop_requested()) throw Error("Canceled", "", "the copy was canceled");
    }

    void copy_piece(const Extent& piece, PieceBuffer& buffer, PieceBuffer& check_buffer) const {
        const std::span<char> bytes = buffer.first(piece.size());
        if (read_at(from_.fd, from_.path, {piece.begin}, bytes) != bytes.size()) {
            throw Error(error_code::internal_error, from_.path.string(),
                        fmt::format("'{}' became shorter while it was read", from_.path.string()));
        }
        const std::string_view content(bytes.data(), bytes.size());
        write_at(to_.fd, to_.path, {piece.begin}, content);
        check_piece(to_, {piece.begin}, content, check_buffer);
    }

    void tell(std::size_t size) {
        // Not under the lock: a slow disk makes it wait.
        if (is_writeback_due(size)) ::sync_file_range(to_.fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    }

    bool is_writeback_due(std::size_t size) {
        const std::lock_guard lock(mutex_);
        if (progress_) progress_({size});
        not_written_back_ += size;
        if (not_written_back_ < writeback_size) return false;
        not_written_back_ = 0;
        return true;
    }

    const OpenFile& from_;
    const OpenFile& to_;
    const TransferProgress& progress_;
    const std::stop_token& stop_;
    std::mutex mutex_;  // of those below
    Extent rest_;       // of the extent that is being taken
    bool over_ = false;
    std::uint64_t not_written_back_ = 0;
};

}  // namespace

OpenFile open_file(const std::filesystem::path& path, int flags) {
    OpenFile file{.path = path, .fd = Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600))};
    if (!file.fd) throw system_error(fmt::format("open '{}'", path.string()));
    return file;
}

bool share_blocks(const OpenFile& from, const OpenFile& to) {
    return ::ioctl(to.fd.get(), FICLONE, from.fd.get()) == 0;
}

void copy_data(const OpenFile& from, const OpenFile& to, const TransferProgress& progress,
               const std::stop_token& stop) {
    const FileState before = state_of(from);
    if (::ftruncate(to.fd.get(), before.size) != 0)
        throw system_error(fmt::format("set the size of '{}'", to.path.string()));
    Copy(from, to, progress, stop).run();
    throw_if_changed(from, before);
}

void check_piece(const OpenFile& file, Bytes begin, std::string_view wanted, PieceBuffer& buffer) {
    const std::span<char> found = buffer.first(wanted.size());
    const std::size_t size = read_at(file.fd, file.path, begin, found);
    if (std::string_view(found.data(), size) == wanted) return;
    const auto differs = std::ranges::mismatch(found.first(size), wanted).in2;
    const std::uint64_t place = begin.value + static_cast<std::size_t>(differs - wanted.begin());
    throw Error(error_code::internal_error, file.path.string(),
                fmt::format("'{}' does not hold at byte {} what was written to it: look at the "
                            "disk, and copy again",
                            file.path.string(), place));
}

}  // namespace kiln::images
