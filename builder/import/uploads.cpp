#include "builder/import/uploads.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::hours unused_uploads_are_kept{24};
constexpr mode_t own_file = 0600;
constexpr fs::perms passable{0711};

Fd open_upload(const fs::path& path, int flags) {
    Fd file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, own_file));
    if (!file) throw system_error(fmt::format("open '{}'", path.string()));
    return file;
}

}  // namespace

void make_passable_directory(const fs::path& directory) {
    if (fs::create_directory(directory)) fs::permissions(directory, passable);
}

fs::path imports_directory(const launcher::Region& region) {
    return region.pool.directory() / "imports";
}

std::vector<fs::directory_entry> entries_of_imports(const launcher::Region& region) {
    const fs::path directory = imports_directory(region);
    if (!fs::exists(directory)) return {};
    const fs::directory_iterator entries(directory);
    return {begin(entries), end(entries)};
}

fs::path Uploads::path_of(const images::Upload& upload) const {
    return imports_directory(dependencies_.regions.get(upload.region)) / upload.id.str();
}

/// What others have announced and not sent yet is as good as taken.
void Uploads::check_room(const std::string& region, Bytes size) const {
    Bytes needed = size;
    for (const images::Upload& other : dependencies_.database.read(
             [&](Session& session) { return images::all_uploads(session, region); })) {
        needed = needed + Bytes{other.size.value - std::min(received(other), other.size).value};
    }
    dependencies_.regions.get(region).pool.check_space(needed, dependencies_.free_space_reserve);
}

images::Upload Uploads::create(const images::Caller& caller, Bytes size) {
    if (size.value == 0) {
        throw Error(error_code::invalid_parameter_value, "",
                    "it is an empty file: there is no disk in it");
    }
    if (size > largest_imported_file) {
        throw Error(error_code::invalid_parameter_value, "",
                    fmt::format("the file has {} GiB, and at most {} GiB can be imported",
                                size.in_gibibytes(), largest_imported_file.in_gibibytes()));
    }
    check_room(caller.region, size);
    images::Upload upload{.id = images::UploadId::generate(),
                          .owner = caller.account,
                          .region = caller.region,
                          .size = size,
                          .created = dependencies_.clock.now()};
    dependencies_.database.write([&](Session& session) {
        images::insert_upload(session, upload);
        caller.stop_if_dry_run();
    });
    Rollback undo;
    undo.add([&] {
        dependencies_.database.write(
            [&](Session& session) { images::delete_upload(session, upload.id); });
    });
    const fs::path path = path_of(upload);
    make_passable_directory(path.parent_path());
    open_upload(path, O_WRONLY | O_CREAT | O_EXCL);
    undo.commit();
    return upload;
}

Bytes Uploads::received(const images::Upload& upload) const {
    std::error_code none;
    const auto size = fs::file_size(path_of(upload), none);
    return {none ? 0 : size};
}

Bytes Uploads::append(const images::Caller& caller, const images::UploadId& id, Bytes offset,
                      std::string_view bytes) {
    const std::shared_lock adding(taking_);
    const images::Upload upload = dependencies_.database.read(
        [&](Session& session) { return images::get_upload(session, caller.scope(), id); });
    const Bytes there = received(upload);
    if (offset != there) {
        throw Error("IncorrectOffset", id.str(),
                    fmt::format("{} bytes of '{}' are there: go on with the one after them",
                                there.value, id.str()));
    }
    if (bytes.size() > upload.size.value - there.value) {
        throw Error(error_code::invalid_parameter_value, id.str(),
                    fmt::format("'{}' was declared with {} bytes, and more were sent", id.str(),
                                upload.size.value));
    }
    const fs::path path = path_of(upload);
    dependencies_.regions.get(upload.region)
        .pool.check_space({bytes.size()}, dependencies_.free_space_reserve);
    write_at(open_upload(path, O_WRONLY), path, offset, bytes);
    return {offset.value + bytes.size()};
}

void Uploads::remove(const images::Caller& caller, const images::UploadId& id) {
    const std::unique_lock taking(taking_);
    const images::Upload upload = dependencies_.database.read(
        [&](Session& session) { return images::get_upload(session, caller.scope(), id); });
    caller.stop_if_dry_run();
    remove_file(path_of(upload));
    dependencies_.database.write([&](Session& session) { images::delete_upload(session, id); });
}

void Uploads::check_complete(const images::Upload& upload) const {
    const Bytes there = received(upload);
    if (there == upload.size) return;
    throw Error("IncompleteUpload", upload.id.str(),
                fmt::format("{} of the {} bytes of '{}' have come: send the others first",
                            there.value, upload.size.value, upload.id.str()));
}

void Uploads::take(const launcher::Region& region, const images::UploadId& id,
                   const fs::path& file) {
    const std::unique_lock taking(taking_);  // who was adding to it has ended
    const fs::path from = imports_directory(region) / id.str();
    if (fs::exists(from)) fs::rename(from, file);
}

void Uploads::clean(const launcher::Region& region, const std::set<images::UploadId>& to_be_taken) {
    const std::unique_lock taking(taking_);
    const Time before = dependencies_.clock.now() - unused_uploads_are_kept;
    for (const images::Upload& old : dependencies_.database.read([&](Session& session) {
             return images::list_uploads_before(session, region.name, before);
         })) {
        log::info("nobody has imported {} within a day: it goes", old.id.str());
        remove_file(path_of(old));
        dependencies_.database.write(
            [&](Session& session) { images::delete_upload(session, old.id); });
    }
    std::set<std::string> known;
    for (const images::UploadId& id : to_be_taken)
        known.insert(id.str());
    for (const images::Upload& upload : dependencies_.database.read(
             [&](Session& session) { return images::all_uploads(session, region.name); })) {
        known.insert(upload.id.str());
    }
    for (const auto& entry : entries_of_imports(region)) {
        const std::string name = entry.path().filename();
        if (name.starts_with(images::UploadId::prefix) && !known.contains(name))
            remove_file(entry.path());
    }
}

}  // namespace kiln::builder
