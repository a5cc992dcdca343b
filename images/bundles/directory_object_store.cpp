#include "images/bundles/directory_object_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/rollback.hpp"
#include "base/text.hpp"
#include "images/bundles/directory_beneath.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t max_segments = 64;
constexpr std::size_t max_segment_bytes = 255;  // NAME_MAX of Linux's file systems
constexpr std::size_t max_listed = 100'000;
constexpr mode_t root_mode = 0700;
constexpr mode_t object_mode = 0600;
constexpr std::size_t unfinished_name_digits = 32;
// No bucket has such a name, so that no key leads there.
constexpr const char* unfinished_directory = ".unfinished";

Error no_such_bucket(const std::string& bucket) {
    return Error("NoSuchBucket", bucket, fmt::format("there is no bucket '{}'", bucket));
}

Error no_such_key(const ObjectName& name) {
    return Error("NoSuchKey", name.key, fmt::format("there is no object '{}'", to_text(name)));
}

bool is_file_name(std::string_view segment) {
    return !segment.empty() && segment != "." && segment != ".." &&
           segment.size() <= max_segment_bytes;
}

/// The names of the directories from the root to the object's, and then the object's own.
struct ObjectPath {
    std::vector<std::string> directories;
    std::string file;
};

ObjectPath path_in_store(const ObjectName& name) {
    check_bucket_name(name.bucket);
    check_object_key(name.key);
    std::vector<std::string> segments = split(name.key, '/');
    if (segments.size() > max_segments || !std::ranges::all_of(segments, is_file_name)) {
        throw Error(
            error_code::invalid_parameter_value, name.key,
            fmt::format("the key '{}' cannot be a path in the object store's directory: use "
                        "at most {} names between '/', each of 1 to {} bytes and none '.' "
                        "or '..'",
                        name.key, max_segments, max_segment_bytes));
    }
    std::string file = std::move(segments.back());
    segments.pop_back();
    segments.insert(segments.begin(), name.bucket);
    return {.directories = std::move(segments), .file = std::move(file)};
}

Error name_is_taken(const ObjectName& name, const std::string& by) {
    return Error(error_code::invalid_parameter_value, name.key,
                 fmt::format("'{}' cannot be stored: '{}' is there already, and a directory cannot "
                             "hold both; choose another key or remove that first",
                             to_text(name), by));
}

/// The opened directories of an object's path, the root first. Ends early where one is missing.
std::vector<Fd> open_directories(Fd root, const ObjectPath& path) {
    std::vector<Fd> opened;
    opened.push_back(std::move(root));
    for (const std::string& name : path.directories) {
        Fd next = open_directory(opened.back(), name);
        if (!next) break;
        opened.push_back(std::move(next));
    }
    return opened;
}

void make_directories(std::vector<Fd>& opened, const ObjectPath& path, const ObjectName& name) {
    std::string so_far;
    for (const std::string& directory : path.directories) {
        so_far += (so_far.empty() ? "" : "/") + directory;
        Fd next = open_or_make_directory(opened.back(), directory);
        if (!next) throw name_is_taken(name, so_far);
        opened.push_back(std::move(next));
    }
}

/// Removes the directories from the last one up as long as they are empty, never the root.
void remove_empty_directories(std::vector<Fd>& opened, const ObjectPath& path) {
    while (opened.size() > 1) {
        opened.pop_back();
        const std::string& name = path.directories.at(opened.size() - 1);
        if (::unlinkat(opened.back().get(), name.c_str(), AT_REMOVEDIR) != 0) return;
    }
}

}  // namespace

/// Writes to a file of a random name beside the buckets.
class DirectoryObjectStore::Writer final : public ObjectWriter {
  public:
    Writer(DirectoryObjectStore& store, ObjectName name)
        : store_(store), name_(std::move(name)), path_(store.path_of(name_)) {
        const Fd root = store_.open_root();
        directory_ = open_or_make_directory(root, unfinished_directory);
        file_ = Fd(::openat(directory_.get(), unfinished_.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, object_mode));
        if (!file_) throw system_error(fmt::format("write '{}'", path_.string()));
        undo_.add([this] { ::unlinkat(directory_.get(), unfinished_.c_str(), 0); });
    }

    void write(std::string_view bytes) override {
        assert(file_);
        write_all(file_, path_, bytes);
    }

    void commit() override {
        assert(file_);
        sync_file(file_, path_);
        file_.reset();
        store_.publish(unfinished_, name_);
        undo_.commit();
    }

  private:
    DirectoryObjectStore& store_;
    ObjectName name_;
    std::filesystem::path path_;
    std::string unfinished_ = random_hex(unfinished_name_digits);
    Fd directory_;
    Fd file_;
    Rollback undo_;  // the last member: it uses the others
};

DirectoryObjectStore::DirectoryObjectStore(std::filesystem::path root)
    : root_(std::filesystem::absolute(root).lexically_normal()) {
    std::error_code failure;
    const bool made = std::filesystem::create_directories(root_, failure);
    if (made) ::chmod(root_.c_str(), root_mode);
    if (!failure) return;
    throw Error(
        error_code::internal_error, root_.string(),
        fmt::format("cannot make the object store '{}': {}", root_.string(), failure.message()));
}

std::filesystem::path DirectoryObjectStore::path_of(const ObjectName& name) const {
    return root_ / name.bucket / name.key;
}

Fd DirectoryObjectStore::open_root() const {
    Fd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) throw system_error(fmt::format("open the object store '{}'", root_.string()));
    return root;
}

Fd DirectoryObjectStore::open_bucket(const std::string& bucket) const {
    check_bucket_name(bucket);
    Fd directory = open_directory(open_root(), bucket);
    if (directory) return directory;
    throw no_such_bucket(bucket);
}

Fd DirectoryObjectStore::open_object(const ObjectName& name) const {
    const ObjectPath path = path_in_store(name);
    const std::vector<Fd> opened = open_directories(open_root(), path);
    if (opened.size() == 1) throw no_such_bucket(name.bucket);
    if (opened.size() <= path.directories.size()) throw no_such_key(name);
    Fd file = open_regular_file(opened.back(), path.file);
    if (!file) throw no_such_key(name);
    return file;
}

std::unique_ptr<ObjectWriter> DirectoryObjectStore::put(const ObjectName& name) {
    path_in_store(name);
    return std::make_unique<Writer>(*this, name);
}

void DirectoryObjectStore::publish(const std::string& unfinished, const ObjectName& name) {
    const ObjectPath path = path_in_store(name);
    const std::lock_guard lock(names_);
    std::vector<Fd> opened;
    opened.push_back(open_root());
    Rollback made;
    made.add([&] { remove_empty_directories(opened, path); });
    const Fd from = open_directory(opened.back(), unfinished_directory);
    make_directories(opened, path, name);
    if (::renameat(from.get(), unfinished.c_str(), opened.back().get(), path.file.c_str()) != 0) {
        if (errno == EISDIR) throw name_is_taken(name, to_text(name) + "/");
        throw system_error(fmt::format("write '{}'", path_of(name).string()));
    }
    made.commit();
    sync_file(opened.back(), path_of(name).parent_path());
}

std::string DirectoryObjectStore::get(const ObjectName& name, const Range& range) const {
    const Fd file = open_object(name);
    const Bytes size = size_of(file);
    const std::uint64_t left = size.value - std::min(size.value, range.offset.value);
    std::string bytes(std::min(left, range.length.value), '\0');
    bytes.resize(read_at(file, path_of(name), range.offset, bytes));
    return bytes;
}

Bytes DirectoryObjectStore::size(const ObjectName& name) const {
    return size_of(open_object(name));
}

std::vector<ObjectStore::Listed> DirectoryObjectStore::list(const ObjectPrefix& prefix) const {
    const Fd bucket = open_bucket(prefix.bucket);
    std::vector<Listed> listed;
    find_files(bucket, prefix.prefix, max_segments, [&](FoundFile file) {
        // Somebody else's file may have a name that is no key.
        if (file.path.size() > max_object_key_bytes || !is_plain_text(file.path)) return;
        if (listed.size() == max_listed) {
            throw Error(error_code::invalid_parameter_value, prefix.prefix,
                        fmt::format("more than {} objects begin with '{}/{}': use a longer prefix",
                                    max_listed, prefix.bucket, prefix.prefix));
        }
        listed.push_back({.key = std::move(file.path), .size = file.size});
    });
    std::ranges::sort(listed, {}, &Listed::key);
    return listed;
}

void DirectoryObjectStore::check(const ObjectName& name) const {
    path_in_store(name);
}

void DirectoryObjectStore::remove(const ObjectName& name) {
    const ObjectPath path = path_in_store(name);
    const std::lock_guard lock(names_);
    std::vector<Fd> opened = open_directories(open_root(), path);
    if (opened.size() <= path.directories.size()) return;
    if (::unlinkat(opened.back().get(), path.file.c_str(), 0) != 0) {
        if (errno == ENOENT || errno == EISDIR) return;
        throw system_error(fmt::format("remove '{}'", path_of(name).string()));
    }
    sync_file(opened.back(), path_of(name).parent_path());
    remove_empty_directories(opened, path);
}

void DirectoryObjectStore::remove_unfinished() {
    const Fd directory = open_directory(open_root(), unfinished_directory);
    if (!directory) return;
    find_files(directory, "", 1, [&](const FoundFile& file) {
        if (::unlinkat(directory.get(), file.path.c_str(), 0) == 0 || errno == ENOENT) return;
        throw system_error(fmt::format("remove '{}'", (root_ / file.path).string()));
    });
}

}  // namespace kiln::images
