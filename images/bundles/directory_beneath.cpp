#include "images/bundles/directory_beneath.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"

namespace kiln::images {

namespace {

constexpr mode_t directory_mode = 0700;

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

/// Nothing of that kind has the name. O_NOFOLLOW answers ELOOP for a link, ENXIO is a socket's.
bool is_absence(int error) {
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENXIO;
}

std::vector<std::string> names_in(const Fd& directory) {
    // A descriptor of its own: reading moves the position, which duplicates would share.
    Fd own(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!own) throw system_error("open a directory of the object store");
    const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(own.get()));
    if (!stream) throw system_error("list a directory of the object store");
    static_cast<void>(own.release());
    std::vector<std::string> names;
    errno = 0;
    // A stream of one thread, which POSIX and glibc allow.
    while (const dirent* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
        errno = 0;
    }
    if (errno != 0) throw system_error("list a directory of the object store");
    return names;
}

/// Whether a path that begins with `path` and a path that begins with `prefix` may be the same.
bool may_lead_to(std::string_view path, std::string_view prefix) {
    const std::size_t common = std::min(path.size(), prefix.size());
    return path.substr(0, common) == prefix.substr(0, common);
}

struct Search {
    std::string_view prefix;
    const std::function<void(FoundFile)>& found;

    void in(const Fd& directory, const std::string& path, std::size_t names_left) const {
        if (names_left == 0) return;
        for (const std::string& name : names_in(directory)) {
            if (may_lead_to(path + name, prefix)) look_at(directory, name, path + name, names_left);
        }
    }

    void look_at(const Fd& parent, const std::string& name, const std::string& path,
                 std::size_t names_left) const {
        struct stat status {};
        if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) return;
            throw system_error(fmt::format("look at '{}' in the object store", path));
        }
        if (S_ISREG(status.st_mode) && path.starts_with(prefix)) {
            found({.path = path, .size = {static_cast<std::uint64_t>(status.st_size)}});
        } else if (S_ISDIR(status.st_mode)) {
            const Fd directory = open_directory(parent, name);
            if (directory) in(directory, path + "/", names_left - 1);
        }
    }
};

}  // namespace

Fd open_directory(const Fd& parent, const std::string& name) {
    Fd directory(
        ::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (directory || is_absence(errno)) return directory;
    throw system_error(fmt::format("open the directory '{}' of the object store", name));
}

Fd open_or_make_directory(const Fd& parent, const std::string& name) {
    if (::mkdirat(parent.get(), name.c_str(), directory_mode) == 0) {
        sync_file(parent, name);
    } else if (errno != EEXIST) {
        throw system_error(fmt::format("make the directory '{}' of the object store", name));
    }
    return open_directory(parent, name);
}

Fd open_regular_file(const Fd& parent, const std::string& name) {
    // O_NONBLOCK: a named pipe must not make us wait for its writer.
    Fd file(::openat(parent.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file && is_absence(errno)) return file;
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) {
        throw system_error(fmt::format("open the object '{}'", name));
    }
    return S_ISREG(status.st_mode) ? std::move(file) : Fd();
}

Bytes size_of(const Fd& file) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) throw system_error("read the size of a file");
    return {static_cast<std::uint64_t>(status.st_size)};
}

void find_files(const Fd& directory, std::string_view prefix, std::size_t max_depth,
                const std::function<void(FoundFile)>& found) {
    Search{.prefix = prefix, .found = found}.in(directory, "", max_depth);
}

}  // namespace kiln::images
