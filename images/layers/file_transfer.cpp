#include "images/layers/file_transfer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/rollback.hpp"
#include "images/layers/file_checker.hpp"

namespace kiln::images {

namespace {

/// Written back while the copy goes on, so that the sync at the end has little left to do.
constexpr std::uint64_t writeback_size = std::uint64_t{32} << 20U;

/// A stretch of a file that holds data.
struct Extent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

struct File {
    std::filesystem::path path;
    Fd fd;
};

File open_file(const std::filesystem::path& path, int flags) {
    File file{.path = path, .fd = Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600))};
    if (!file.fd) throw system_error(fmt::format("open '{}'", path.string()));
    return file;
}

/// The data that begins at or after `from`; nullopt when the rest is a hole.
std::optional<Extent> next_extent(const File& file, std::uint64_t from) {
    const off_t begin = ::lseek(file.fd.get(), static_cast<off_t>(from), SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return std::nullopt;
    const off_t end = begin < 0 ? begin : ::lseek(file.fd.get(), begin, SEEK_HOLE);
    if (end < 0) throw system_error(fmt::format("find the data of '{}'", file.path.string()));
    return Extent{static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end)};
}

std::uint64_t size_of(const File& file) {
    struct stat status {};
    if (::fstat(file.fd.get(), &status) == 0) return static_cast<std::uint64_t>(status.st_size);
    throw system_error(fmt::format("read the size of '{}'", file.path.string()));
}

/// Copies one extent, piece by piece.
void copy_extent(const File& from, const File& to, const Extent& extent, FileChecker& checker,
                 PieceBuffer& buffer) {
    for (std::uint64_t at = extent.begin; at < extent.end;) {
        const std::size_t size = std::min<std::uint64_t>(piece_size, extent.end - at);
        const std::span<char> bytes = buffer.first(size);
        if (read_at(from.fd, from.path, {at}, bytes) != size) {
            throw Error(error_code::internal_error, from.path.string(),
                        fmt::format("'{}' became shorter while it was read", from.path.string()));
        }
        const std::string_view piece(bytes.data(), size);
        write_at(to.fd, to.path, {at}, piece);
        checker.add({.begin = {at}, .size = size, .digest = digest_of(piece)});
        at += size;
    }
}

void copy(const File& from, const File& to, const TransferProgress& progress,
          const std::stop_token& stop) {
    if (::ftruncate(to.fd.get(), static_cast<off_t>(size_of(from))) != 0)
        throw system_error(fmt::format("set the size of '{}'", to.path.string()));
    FileChecker checker(to.fd, to.path);
    PieceBuffer buffer;
    std::uint64_t not_written_back = 0;
    auto extent = next_extent(from, 0);
    while (extent) {
        if (stop.stop_requested()) throw Error("Canceled", "", "the copy was canceled");
        // A long one in steps, so that progress is told and a stop is heard.
        const Extent step{extent->begin, std::min(extent->end, extent->begin + writeback_size)};
        copy_extent(from, to, step, checker, buffer);
        const std::uint64_t size = step.end - step.begin;
        if (progress) progress({size});
        not_written_back += size;
        if (not_written_back >= writeback_size) {
            ::sync_file_range(to.fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
            not_written_back = 0;
        }
        extent = next_extent(from, step.end);
    }
    checker.finish();
    sync_file(to.fd, to.path);
}

/// Whether the blocks could be shared.
bool reflink(const File& from, const File& to) {
    return ::ioctl(to.fd.get(), FICLONE, from.fd.get()) == 0;
}

/// false when the places are on two file systems.
bool link_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::link(from.c_str(), to.c_str()) == 0) return true;
    if (errno == EXDEV || errno == EPERM || errno == EMLINK) return false;
    throw system_error(fmt::format("link '{}' to '{}'", to.string(), from.string()));
}

}  // namespace

Transfer transfer_file(const std::filesystem::path& from, const std::filesystem::path& to,
                       const TransferProgress& progress, const std::stop_token& stop) {
    const File source = open_file(from, O_RDONLY);
    Rollback rollback;
    {
        const File target = open_file(to, O_RDWR | O_CREAT | O_EXCL);
        rollback.add([&] { remove_file(to); });
        if (reflink(source, target)) {
            sync_file(to);
            rollback.commit();
            return Transfer::reflinked;
        }
    }
    remove_file(to);
    if (link_file(from, to)) {
        rollback.commit();
        return Transfer::linked;
    }
    copy(source, open_file(to, O_RDWR | O_CREAT | O_EXCL), progress, stop);
    rollback.commit();
    return Transfer::copied;
}

}  // namespace kiln::images
