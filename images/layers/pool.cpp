#include "images/layers/pool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/file_readers.hpp"
#include "base/rollback.hpp"
#include "images/layers/private_copy.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/layers/qemu_img.hpp"

namespace kiln::images {

namespace {

constexpr mode_t pool_mode = 0711;  // QEMU's user passes through, and sees no names
constexpr mode_t live_mode = 0600;
constexpr mode_t frozen_mode = 0400;  // its readers have names: base/file_readers.hpp
constexpr mode_t frozen_mode_without_names = 0444;
constexpr const char* unfinished_suffix = ".part";

void set_mode(const std::filesystem::path& path, mode_t mode) {
    if (::chmod(path.c_str(), mode) == 0) return;
    throw system_error(fmt::format("set the mode of '{}'", path.string()));
}

struct stat status_of(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return status;
    throw system_error(fmt::format("look at '{}'", path.string()));
}

/// Returns whether the two are on one file system.
bool try_rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return true;
    if (errno == EXDEV) return false;
    throw system_error(fmt::format("move '{}' to '{}'", from.string(), to.string()));
}

/// Within a directory.
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (!try_rename_file(from, to))
        throw Error(
            error_code::internal_error, from.string(),
            fmt::format("'{}' and '{}' are on two file systems", from.string(), to.string()));
}

/// With what is missing above it.
void make_pool_directory(const std::filesystem::path& directory) {
    if (std::filesystem::is_directory(directory)) return;
    if (directory.has_relative_path()) make_pool_directory(directory.parent_path());
    if (::mkdir(directory.c_str(), pool_mode) != 0) {
        if (errno == EEXIST) errno = ENOTDIR;  // a file is in the way
        throw system_error(fmt::format("make the pool '{}'", directory.string()));
    }
    set_mode(directory, pool_mode);  // whatever the umask is
}

}  // namespace

Pool::Pool(std::filesystem::path directory)
    : directory_(std::filesystem::absolute(directory).lexically_normal()) {
    make_pool_directory(directory_);
}

std::filesystem::path Pool::path_of(const LayerId& id) const {
    return directory_ / (id.str() + ".qcow2");
}

std::filesystem::path Pool::raw_path_of(const LayerId& id) const {
    return directory_ / (id.str() + ".raw");
}

std::filesystem::path Pool::unfinished_path_of(const LayerId& id) const {
    return path_of(id).string() + unfinished_suffix;
}

std::vector<LayerId> Pool::files() const {
    constexpr std::string_view suffix = ".qcow2";
    std::vector<LayerId> ids;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
        std::string name = entry.path().filename().string();
        if (!name.ends_with(suffix)) continue;
        name.resize(name.size() - suffix.size());
        try {
            ids.emplace_back(std::move(name));
        } catch (const Error&) {
            // Somebody else's file: not ours to name, nor to touch.
        }
    }
    return ids;
}

void Pool::check_space(Bytes needed, Bytes reserve) const {
    if (!std::filesystem::is_directory(directory_)) {
        throw Error(error_code::internal_error, directory_.string(),
                    fmt::format("the pool '{}' is gone: mount it or restore it, then start the "
                                "service again",
                                directory_.string()));
    }
    const Bytes free = free_space(directory_);
    if (free >= needed + reserve) return;
    throw Error(
        error_code::insufficient_instance_capacity, directory_.string(),
        fmt::format("the pool '{}' has {} MiB free, but {} MiB are needed and {} MiB are kept in "
                    "reserve: terminate instances, delete snapshots, or lower "
                    "free_space_reserve_mib",
                    directory_.string(), free.in_mebibytes(), needed.in_mebibytes(),
                    reserve.in_mebibytes()));
}

std::optional<std::filesystem::path> Pool::first_closed_directory() const {
    std::filesystem::path so_far;
    for (const auto& part : directory_) {
        so_far /= part;
        const auto mode = std::filesystem::status(so_far).permissions();
        if ((mode & std::filesystem::perms::others_exec) == std::filesystem::perms::none) {
            return so_far;
        }
    }
    return std::nullopt;
}

void Pool::check_writable() const {
    // An unnamed file leaves nothing behind when the service ends here.
    const int flags = O_TMPFILE | O_RDWR | O_CLOEXEC;
    Fd file(::open(directory_.c_str(), flags, live_mode));
    if (!file && (errno == EOPNOTSUPP || errno == EISDIR)) {
        std::string probe = directory_ / ".probe-XXXXXX";
        file = Fd(::mkostemp(probe.data(), O_CLOEXEC));
        if (file) remove_file(probe);
    }
    if (!file) throw system_error(fmt::format("make a file in '{}'", directory_.string()));
}

bool Pool::supports_direct_io() const {
    // An unnamed file: nothing to clean up, and no path for others to meet.
    const Fd file(::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, live_mode));
    if (!file) return false;
    return ::fcntl(file.get(), F_SETFL, O_DIRECT) == 0;
}

void Pool::create_overlay(const OverlaySpec& overlay) const {
    if (!overlay.key && !exists(overlay.layer) && is_encrypted(overlay.parent)) {
        throw Error(error_code::internal_error, overlay.parent.str(),
                    fmt::format("{} is encrypted: what stands on it must have its key, or a guest "
                                "would write in clear",
                                overlay.parent.str()));
    }
    create_live_layer(overlay.layer,
                      {.size = overlay.size, .parent = overlay.parent, .key = overlay.key});
}

void Pool::create_empty(const LayerId& layer, Bytes size,
                        const std::optional<LayerKey>& key) const {
    create_live_layer(layer, {.size = size, .parent = std::nullopt, .key = key});
}

void Pool::create_live_layer(const LayerId& layer, const NewFile& file) const {
    // A guest may have written to it since.
    if (exists(layer)) return;
    Rollback rollback;
    rollback.add([&] { remove_file(unfinished_path_of(layer)); });
    write_unfinished(layer, file);
    publish(layer);
    rollback.commit();
}

void Pool::write_unfinished(const LayerId& layer, const NewFile& file) const {
    const std::filesystem::path part = unfinished_path_of(layer);
    qemu_img::NewImage image{.path = part, .size = file.size, .backing = std::nullopt};
    if (file.parent) image.backing = path_of(*file.parent);
    remove_file(part);
    if (!file.key) return qemu_img::create(image);
    copy_blank(layer, *file.key);
    qemu_img::shape_blank(image, *file.key);
}

/// The blank takes its name from the unfinished file, so that no other name is left by a crash; of
/// two that are made at once either will do.
void Pool::copy_blank(const LayerId& layer, const LayerKey& key) const {
    const std::filesystem::path part = unfinished_path_of(layer);
    const std::filesystem::path blank = blank_path_of(key.id);
    if (!std::filesystem::exists(blank)) {
        qemu_img::create_blank(part, key);
        set_mode(part, live_mode);
        sync_file(part);
        rename_file(part, blank);
    }
    make_private_copy(blank, part, {});
}

void Pool::publish(const LayerId& layer) const {
    const std::filesystem::path part = unfinished_path_of(layer);
    set_mode(part, live_mode);
    sync_file(part);
    rename_file(part, path_of(layer));
    sync_directory(directory_);
}

std::filesystem::path Pool::blank_path_of(const std::string& key_id) const {
    return directory_ / fmt::format("blank-{}.qcow2", key_id);
}

void Pool::encrypt(const EncryptionSpec& spec, std::stop_token stop) const {
    if (exists(spec.layer)) return;
    const std::filesystem::path part = unfinished_path_of(spec.layer);
    Rollback rollback;
    rollback.add([&] { remove_file(part); });
    write_unfinished(spec.layer, {.size = spec.size, .parent = std::nullopt, .key = spec.key});
    qemu_img::encrypt(
        {.from = spec.from, .from_key = spec.from_key, .to = part, .to_key = spec.key},
        std::move(stop));
    qemu_img::check(part, spec.key);
    publish(spec.layer);
    rollback.commit();
}

bool Pool::is_encrypted(const LayerId& layer) const {
    return images::is_encrypted(path_of(layer));
}

void Pool::forget_key(const std::string& key_id) const {
    remove_file(blank_path_of(key_id));
}

void Pool::grow(const LayerId& layer, Bytes size, const std::optional<LayerKey>& key) const {
    const std::filesystem::path path = path_of(layer);
    refuse_foreign_parts(path, directory_);
    if (qemu_img::virtual_size(path) >= size) return;
    qemu_img::grow(path, size, key);
    sync_file(path);
}

void Pool::rebase(const LayerId& layer, const LayerId& parent, std::stop_token stop,
                  const std::optional<LayerKey>& key) const {
    const std::filesystem::path path = path_of(layer);
    refuse_foreign_parts(path, directory_);
    qemu_img::rebase(path, path_of(parent), std::move(stop), key);
    sync_file(path);
}

std::optional<LayerId> Pool::parent_of(const LayerId& layer) const {
    refuse_foreign_parts(path_of(layer), directory_);
    const auto backing = backing_file_of(path_of(layer));
    if (!backing) return std::nullopt;
    return LayerId(backing->stem().string());
}

void Pool::check_parent(const LayerId& layer, const std::optional<LayerId>& parent) const {
    const auto named = parent_of(layer);
    if (named == parent) return;
    throw Error(error_code::internal_error, layer.str(),
                fmt::format("'{}' says that it stands on {}, and the catalog knows better: whoever "
                            "wrote to its header may have broken out of a guest; it is left alone",
                            path_of(layer).string(), named ? named->str() : "nothing"));
}

Bytes Pool::allocated_size(const LayerId& layer) const {
    return kiln::allocated_size(path_of(layer));
}

void Pool::adopt(const LayerId& layer, const std::filesystem::path& file) const {
    const std::filesystem::path path = path_of(layer);
    set_frozen_mode(file);
    sync_file(file);
    // Asked of the file system: device numbers of a file and its directory may differ (overlayfs).
    if (try_rename_file(file, path)) {
        sync_directory(directory_);
        return;
    }
    take_copy(layer, file, nullptr, {});
    remove_file(file);
}

bool Pool::shares_file_system_with(const Pool& other) const {
    return status_of(directory_).st_dev == status_of(other.directory_).st_dev;
}

void Pool::receive(const LayerId& layer, const Pool& from, const TransferProgress& progress,
                   const std::stop_token& stop) const {
    // It has its name only when it is whole.
    if (!exists(layer)) take_copy(layer, from.path_of(layer), progress, stop);
}

void Pool::take_copy(const LayerId& layer, const std::filesystem::path& file,
                     const TransferProgress& progress, const std::stop_token& stop) const {
    const std::filesystem::path path = path_of(layer);
    const std::filesystem::path part = path.string() + unfinished_suffix;
    Rollback rollback;
    rollback.add([&] { remove_file(part); });
    remove_file(part);
    transfer_file(file, part, progress, stop);
    set_frozen_mode(part);  // it may be a link to the other file
    rename_file(part, path);
    sync_directory(directory_);
    rollback.commit();
}

void Pool::freeze(const LayerId& layer) const {
    const std::filesystem::path path = path_of(layer);
    refuse_foreign_parts(path, directory_);
    make_backing_file_relative(path);
    close_to_others(layer);
    sync_file(path);
}

mode_t Pool::mode_of_frozen() const {
    return can_name_readers(directory_) ? frozen_mode : frozen_mode_without_names;
}

/// What a broken-out guest did to the file's rights while it was its own does not last.
void Pool::close_to_others(const LayerId& layer) const {
    const std::filesystem::path path = path_of(layer);
    const uid_t owner = status_of(path).st_uid;
    take_file(path);
    set_frozen_mode(path);
    if (owner != ::geteuid() && can_name_readers(directory_)) set_only_reader(path, owner);
}

/// A file with readers shows their rights as the group's, and a chmod would take them away.
void Pool::set_frozen_mode(const std::filesystem::path& path) const {
    constexpr mode_t all_but_group = 0707;
    const mode_t mode = mode_of_frozen();
    if ((status_of(path).st_mode & all_but_group) != (mode & all_but_group)) set_mode(path, mode);
}

void Pool::remove(const LayerId& layer) const {
    remove_file(unfinished_path_of(layer));
    remove_file(raw_path_of(layer));
    remove_file(path_of(layer));
}

bool Pool::exists(const LayerId& layer) const {
    return std::filesystem::exists(path_of(layer));
}

Bytes Pool::virtual_size(const LayerId& layer) const {
    return qemu_img::virtual_size(path_of(layer));
}

}  // namespace kiln::images
