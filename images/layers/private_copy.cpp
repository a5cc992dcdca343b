#include "images/layers/private_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/rollback.hpp"
#include "base/units.hpp"

namespace kiln::images {

namespace {

constexpr mode_t copy_mode = 0600;
constexpr std::uint64_t piece_size = 1U << 20U;

struct OpenFile {
    std::filesystem::path path;
    Fd fd;
};

OpenFile open_file(const std::filesystem::path& path, int flags) {
    OpenFile file{.path = path, .fd = Fd(::open(path.c_str(), flags | O_CLOEXEC, copy_mode))};
    if (!file.fd) throw system_error(fmt::format("open '{}'", path.string()));
    return file;
}

bool share_blocks(const OpenFile& from, const OpenFile& to) {
    return ::ioctl(to.fd.get(), FICLONE, from.fd.get()) == 0;
}

/// Where from `offset` on the next bytes are (SEEK_DATA) or the next hole is (SEEK_HOLE); `end`
/// when there are none.
std::uint64_t seek(const OpenFile& file, std::uint64_t offset, int what, std::uint64_t end) {
    const off_t found = ::lseek(file.fd.get(), static_cast<off_t>(offset), what);
    if (found >= 0) return static_cast<std::uint64_t>(found);
    if (errno == ENXIO) return end;
    throw system_error(fmt::format("look for holes in '{}'", file.path.string()));
}

void copy_range(const OpenFile& from, const OpenFile& to, std::uint64_t begin, std::uint64_t end,
                const std::stop_token& stop) {
    std::string piece;
    while (begin < end) {
        if (stop.stop_requested()) {
            throw Error("Canceled", from.path.string(),
                        fmt::format("the copy of '{}' was stopped", from.path.string()));
        }
        piece.resize(std::min(piece_size, end - begin));
        piece.resize(read_at(from.fd, from.path, Bytes{begin}, piece));
        if (piece.empty()) return;
        write_at(to.fd, to.path, Bytes{begin}, piece);
        begin += piece.size();
    }
}

void copy_blocks(const OpenFile& from, const OpenFile& to, const std::stop_token& stop) {
    const std::uint64_t size = std::filesystem::file_size(from.path);
    if (::ftruncate(to.fd.get(), static_cast<off_t>(size)) != 0) {
        throw system_error(fmt::format("set the size of '{}'", to.path.string()));
    }
    std::uint64_t end = 0;
    while (end < size) {
        const std::uint64_t begin = seek(from, end, SEEK_DATA, size);
        end = begin < size ? seek(from, begin, SEEK_HOLE, size) : size;
        copy_range(from, to, begin, end, stop);
    }
}

}  // namespace

void make_private_copy(const std::filesystem::path& from, const std::filesystem::path& to,
                       std::stop_token stop) {
    const OpenFile source = open_file(from, O_RDONLY);
    const OpenFile copy = open_file(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    Rollback undo;
    undo.add([&] { remove_file(to); });
    if (!share_blocks(source, copy)) copy_blocks(source, copy, stop);
    undo.commit();
}

}  // namespace kiln::images
