#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/rollback.hpp"

namespace kiln {

namespace {

Fd open_file(const std::filesystem::path& path, int flags, int mode = 0) {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) throw system_error(fmt::format("open '{}'", path.string()));
    return fd;
}

std::string read_at_most(const Fd& fd, const std::filesystem::path& path, std::size_t limit) {
    std::string content;
    char buffer[65536];
    while (content.size() <= limit) {
        const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw system_error(fmt::format("read '{}'", path.string()));
        if (count == 0) break;
        content.append(buffer, static_cast<std::size_t>(count));
    }
    return content;
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::string read_file(const std::filesystem::path& path, Bytes limit) {
    std::string content = read_at_most(open_file(path, O_RDONLY), path, limit.value);
    if (content.size() <= limit.value) return content;
    throw Error(error_code::internal_error, path.string(),
                fmt::format("'{}' is larger than {} bytes", path.string(), limit.value));
}

std::string read_file_tail(const std::filesystem::path& path, Bytes limit) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno == ENOENT) return {};
    if (!fd) throw system_error(fmt::format("open '{}'", path.string()));
    const off_t size = ::lseek(fd.get(), 0, SEEK_END);
    const auto wanted = static_cast<off_t>(limit.value);
    if (size < 0 || ::lseek(fd.get(), size > wanted ? size - wanted : 0, SEEK_SET) < 0) {
        throw system_error(fmt::format("seek in '{}'", path.string()));
    }
    std::string content = read_at_most(fd, path, limit.value);
    content.resize(std::min<std::size_t>(content.size(), limit.value));
    return content;
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content, int mode) {
    const std::filesystem::path part = path.string() + ".part";
    Rollback rollback;
    {
        const Fd fd = open_file(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
        rollback.add([&] { remove_file(part); });
        if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) {
            throw system_error(fmt::format("set the mode of '{}'", part.string()));
        }
        write_all(fd, part, content);
        sync_file(fd, part);
    }
    if (std::rename(part.c_str(), path.c_str()) != 0) {
        throw system_error(fmt::format("rename '{}' to '{}'", part.string(), path.string()));
    }
    rollback.commit();
    sync_directory(directory_of(path));
}

void sync_file(const std::filesystem::path& path) {
    sync_file(open_file(path, O_RDONLY), path);
}

void sync_file(const Fd& fd, const std::filesystem::path& path) {
    if (::fsync(fd.get()) != 0) throw system_error(fmt::format("sync '{}'", path.string()));
}

void sync_directory(const std::filesystem::path& path) {
    sync_file(open_file(path, O_RDONLY | O_DIRECTORY), path);
}

void take_file(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        throw system_error(fmt::format("look at '{}'", path.string()));
    if (status.st_uid == ::geteuid()) return;
    if (::chown(path.c_str(), ::geteuid(), ::getegid()) != 0)
        throw system_error(fmt::format("take '{}' back", path.string()));
}

bool remove_file(const std::filesystem::path& path) {
    if (::unlink(path.c_str()) == 0) return true;
    if (errno == ENOENT) return false;
    throw system_error(fmt::format("remove '{}'", path.string()));
}

std::size_t read_at(const Fd& fd, const std::filesystem::path& path, Bytes offset,
                    std::span<char> to) {
    std::size_t got = 0;
    while (got < to.size()) {
        const ssize_t count = ::pread(fd.get(), to.data() + got, to.size() - got,
                                      static_cast<off_t>(offset.value + got));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw system_error(fmt::format("read '{}'", path.string()));
        if (count == 0) break;
        got += static_cast<std::size_t>(count);
    }
    return got;
}

void write_all(const Fd& fd, const std::filesystem::path& path, std::string_view content) {
    while (!content.empty()) {
        const ssize_t count = ::write(fd.get(), content.data(), content.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw system_error(fmt::format("write '{}'", path.string()));
        content.remove_prefix(static_cast<std::size_t>(count));
    }
}

void write_at(const Fd& fd, const std::filesystem::path& path, Bytes offset,
              std::string_view content) {
    while (!content.empty()) {
        const ssize_t count =
            ::pwrite(fd.get(), content.data(), content.size(), static_cast<off_t>(offset.value));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw system_error(fmt::format("write '{}'", path.string()));
        content.remove_prefix(static_cast<std::size_t>(count));
        offset.value += static_cast<std::uint64_t>(count);
    }
}

Fd try_lock_file(const std::filesystem::path& path) {
    Fd fd = open_file(path, O_RDWR | O_CREAT, 0600);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno == EWOULDBLOCK) return Fd();
    throw system_error(fmt::format("lock '{}'", path.string()));
}

Bytes free_space(const std::filesystem::path& path) {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0) {
        throw system_error(fmt::format("read the free space of '{}'", path.string()));
    }
    return {static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize};
}

Bytes allocated_size(const std::filesystem::path& path) {
    constexpr std::uint64_t block_bytes = 512;  // the unit of st_blocks, whatever the file system
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        throw system_error(fmt::format("read the size of '{}'", path.string()));
    }
    return {static_cast<std::uint64_t>(status.st_blocks) * block_bytes};
}

}  // namespace kiln
