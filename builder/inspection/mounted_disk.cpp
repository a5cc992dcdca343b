#include "builder/inspection/mounted_disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <guestfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/fd.hpp"
#include "base/sha256.hpp"
#include "builder/inspection/guestfs_texts.hpp"

namespace kiln::builder {

namespace {

/// Of the names in one call: libguestfs's messages have at most 4 MiB, and what 500 links say fits.
constexpr std::size_t batch_names = 500;
constexpr std::size_t batch_bytes = 512U << 10U;
constexpr std::size_t read_at_once = 2U << 20U;
constexpr std::int64_t nanoseconds = 1'000'000'000;

template <auto free_function>
struct FreeWith {
    void operator()(auto* list) const { free_function(list); }
};
using Statuses = std::unique_ptr<guestfs_statns_list, FreeWith<guestfs_free_statns_list>>;
using Applications =
    std::unique_ptr<guestfs_application2_list, FreeWith<guestfs_free_application2_list>>;

Error too_many(const FileLimits& limits) {
    return {
        "InspectionFailed", "",
        fmt::format(
            "there are more than {} files on the disk, or their names and links are longer than "
            "{} MiB together: look at a part of them with a path",
            limits.files, limits.path_bytes >> 20U)};
}

/// Reads names that end in a zero byte from a pipe in a thread of its own, and ends the call that
/// writes them when they are too many.
class NameReader {
  public:
    NameReader(guestfs_h* handle, const FileLimits& limits) : handle_(handle), limits_(limits) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("make a pipe");
        reading_.reset(ends[0]);
        writing_.reset(ends[1]);
        thread_ = std::jthread([this] { read_all(); });
    }
    ~NameReader() { writing_.reset(); }
    NameReader(const NameReader&) = delete;
    NameReader& operator=(const NameReader&) = delete;

    std::string path() const { return fmt::format("/dev/fd/{}", writing_.get()); }
    /// After the call. Throws when there were too many.
    std::string take() {
        writing_.reset();
        thread_.join();
        if (are_too_many_) throw too_many(limits_);
        return std::move(bytes_);
    }

  private:
    void read_all() {
        std::array<char, 64U << 10U> buffer{};
        while (true) {
            const ssize_t count = ::read(reading_.get(), buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return;
            if (are_too_many_) continue;
            const std::string_view piece(buffer.data(), static_cast<std::size_t>(count));
            names_ += static_cast<std::size_t>(std::ranges::count(piece, '\0'));
            if (names_ > limits_.files || bytes_.size() + piece.size() > limits_.path_bytes) {
                are_too_many_ = true;
                bytes_.clear();
                guestfs_user_cancel(handle_);
            } else {
                bytes_ += piece;
            }
        }
    }

    guestfs_h* handle_;
    FileLimits limits_;
    Fd reading_;
    Fd writing_;
    std::string bytes_;
    std::size_t names_ = 0;
    bool are_too_many_ = false;
    std::jthread thread_;
};

bool is_below(std::string_view path, std::string_view directory) {
    if (directory.empty() || directory == "/") return true;
    return path.starts_with(directory) &&
           (path.size() == directory.size() || path[directory.size()] == '/');
}

/// "/etc" of "/etc/passwd"; "/" of "/etc".
std::string_view directory_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// Names in one directory, null-terminated, as libguestfs takes lists.
class NameList {
  public:
    /// The path must outlive the list.
    void add(const std::string& path) {
        const std::size_t name = path.rfind('/') + 1;
        names_.push_back(const_cast<char*>(path.c_str() + name));  // libguestfs only reads them
        bytes_ += path.size() - name;
    }
    bool is_full() const { return names_.size() >= batch_names || bytes_ >= batch_bytes; }
    char** terminated() {
        names_.push_back(nullptr);
        return names_.data();
    }

  private:
    std::vector<char*> names_;
    std::size_t bytes_ = 0;
};

/// Steps through paths that are grouped by directory: what lies in one comes in a batch, or in
/// several where there is very much.
template <class Item, class PathOf, class Visit>
void for_each_batch(const std::vector<Item>& items, PathOf path_of, Visit visit) {
    for (std::size_t at = 0; at < items.size();) {
        const std::size_t first = at;
        const std::string directory(directory_of(path_of(items[first])));
        NameList names;
        while (at < items.size() && !names.is_full() &&
               directory_of(path_of(items[at])) == directory)
            names.add(path_of(items[at++]));
        visit(directory, names, first, at - first);
    }
}

FileEntry entry_of(const std::string& path, const struct guestfs_statns& status) {
    return {.path = path,
            .mode = static_cast<std::uint32_t>(status.st_mode),
            .uid = status.st_uid,
            .gid = status.st_gid,
            .size = static_cast<std::uint64_t>(status.st_size),
            .modified_ns = status.st_mtime_sec * nanoseconds + status.st_mtime_nsec,
            .changed_ns = status.st_ctime_sec * nanoseconds + status.st_ctime_nsec,
            .inode = static_cast<std::uint64_t>(status.st_ino),
            .device = static_cast<std::uint64_t>(status.st_rdev)};
}

std::string version_of(const guestfs_application2& application) {
    std::string version = application.app2_version;
    if (application.app2_epoch > 0) version = fmt::format("{}:{}", application.app2_epoch, version);
    if (*application.app2_release != '\0')
        version = fmt::format("{}-{}", version, application.app2_release);
    return version;
}

}  // namespace

MountedDisk::MountedDisk(GuestfsAppliance& appliance, const SystemPlace& place,
                         const FileLimits& limits)
    : appliance_(appliance), place_(place), limits_(limits) {
    for (const auto& [point, device] : place.mounts) {
        const int mounted = guestfs_mount_ro(appliance.handle(), device.c_str(), point.c_str());
        // What is not there (a disk of another machine) is no reason to know nothing of the rest.
        if (mounted == -1 && point == "/")
            throw appliance.failure("the disk's file system cannot be mounted");
    }
}

MountedDisk::~MountedDisk() {
    guestfs_umount_all(appliance_.handle());
}

std::string MountedDisk::file_system_id() {
    return take(guestfs_vfs_uuid(appliance_.handle(), place_.device.c_str()));
}

std::optional<std::vector<Package>> MountedDisk::packages() {
    if (!place_.is_inspected) return std::nullopt;
    const Applications list(
        guestfs_inspect_list_applications2(appliance_.handle(), place_.device.c_str()));
    if (!list) return std::nullopt;
    std::vector<Package> packages;
    for (std::uint32_t i = 0; i < list->len; ++i) {
        const guestfs_application2& application = list->val[i];
        packages.push_back({.name = application.app2_name,
                            .architecture = application.app2_arch,
                            .version = version_of(application)});
    }
    return packages;
}

std::vector<std::string> MountedDisk::paths(const std::string& below) {
    NameReader reader(appliance_.handle(), limits_);
    const int found = guestfs_find0(appliance_.handle(), "/", reader.path().c_str());
    const std::string bytes = reader.take();
    if (found == -1) throw appliance_.failure("the disk's files cannot be listed");
    std::vector<std::string> paths;
    std::size_t begin = 0;
    for (std::size_t end = bytes.find('\0'); end != std::string::npos;
         end = bytes.find('\0', begin)) {
        std::string path = "/" + bytes.substr(begin, end - begin);
        begin = end + 1;
        if (path.size() > 1 && is_below(path, below)) paths.push_back(std::move(path));
    }
    // By directory, then by name.
    std::ranges::sort(paths, {}, [](const std::string& path) {
        return std::pair(directory_of(path), std::string_view(path));
    });
    const auto twice = std::ranges::unique(paths);
    paths.erase(twice.begin(), twice.end());
    return paths;
}

void MountedDisk::read_entries(const std::vector<std::string>& paths,
                               std::vector<FileEntry>& entries) {
    const auto path_of = [](const std::string& path) -> const std::string& { return path; };
    for_each_batch(
        paths, path_of,
        [&](const std::string& directory, NameList& names, std::size_t first, std::size_t count) {
            const Statuses statuses(
                guestfs_lstatnslist(appliance_.handle(), directory.c_str(), names.terminated()));
            if (!statuses || statuses->len != count)
                throw appliance_.failure("the disk's files cannot be looked at");
            for (std::size_t i = 0; i < count; ++i) {
                if (statuses->val[i].st_ino != -1)  // a name that leads nowhere on a damaged disk
                    entries.push_back(entry_of(paths[first + i], statuses->val[i]));
            }
        });
}

void MountedDisk::read_targets(std::vector<FileEntry>& entries) {
    std::vector<FileEntry*> links;
    for (FileEntry& entry : entries)
        if (S_ISLNK(entry.mode)) links.push_back(&entry);
    const auto path_of = [](const FileEntry* link) -> const std::string& { return link->path; };
    std::size_t bytes = 0;
    for_each_batch(
        links, path_of,
        [&](const std::string& directory, NameList& names, std::size_t first, std::size_t count) {
            const auto targets = take_list(
                guestfs_readlinklist(appliance_.handle(), directory.c_str(), names.terminated()));
            if (targets.size() != count)
                throw appliance_.failure("the disk's symbolic links cannot be read");
            for (std::size_t i = 0; i < count; ++i) {
                bytes += targets[i].size();
                if (bytes > limits_.path_bytes) throw too_many(limits_);
                links[first + i]->target = targets[i];
            }
        });
}

std::vector<FileEntry> MountedDisk::files(const std::string& below) {
    const std::vector<std::string> all = paths(below);
    std::vector<FileEntry> entries;
    entries.reserve(all.size());
    read_entries(all, entries);
    read_targets(entries);
    std::ranges::sort(entries, {}, &FileEntry::path);
    return entries;
}

std::string MountedDisk::content(const std::string& path, std::uint64_t size) {
    Sha256 digest;
    for (std::uint64_t read = 0; read < size;) {
        const auto wanted = static_cast<int>(std::min<std::uint64_t>(read_at_once, size - read));
        std::size_t count = 0;
        const std::unique_ptr<char, decltype(&std::free)> bytes(
            guestfs_pread(appliance_.handle(), path.c_str(), wanted,
                          static_cast<std::int64_t>(read), &count),
            &std::free);
        if (!bytes) throw appliance_.failure("a file of the disk cannot be read");
        if (count == 0) break;
        digest.update({bytes.get(), count});
        read += count;
    }
    return digest.hex();
}

}  // namespace kiln::builder
