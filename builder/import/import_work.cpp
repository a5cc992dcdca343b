#include "builder/import/import_work.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "builder/import/download.hpp"
#include "builder/import/foreign_disk.hpp"
#include "builder/import/import_request.hpp"
#include "builder/import/imported_image.hpp"
#include "builder/inspection/inspection.hpp"
#include "images/bundles/object_store.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/snapshot.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace fs = std::filesystem;

namespace {

constexpr Bytes object_piece = Bytes::mebibytes(4);

// Of the whole: a file is fetched, then converted, then looked into.
constexpr int percent_when_fetched = 30;
constexpr int percent_when_converted = 90;

fs::path directory_of(const launcher::Region& region, const std::string& task) {
    return imports_directory(region) / task;
}

/// A new file of the service's own, whatever was there.
Fd make_file(const fs::path& path) {
    constexpr mode_t own_file = 0600;
    remove_file(path);
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, own_file));
    if (!file) throw system_error(fmt::format("make '{}'", path.string()));
    return file;
}

int share(std::uint64_t done, std::uint64_t total) {
    return total == 0 ? 0 : static_cast<int>(done * percent_when_fetched / total);
}

/// Brings the file of a source to its place.
class Fetch {
  public:
    Fetch(const ImportWork& work, const fs::path& to, bool loopback)
        : work_(work), to_(to), loopback_(loopback) {}

    void operator()(const images::UploadId& id) const {
        work_.uploads.take(work_.region, id, to_);
        if (fs::exists(to_)) return;
        throw Error("InvalidUploadId.NotFound", id.str(),
                    fmt::format("the file of '{}' is gone: send it again", id.str()));
    }

    void operator()(const DiskUrl& url) const {
        make_file(to_);
        download(
            {.url = url.url, .to = to_, .largest = largest_imported_file, .loopback = loopback_},
            [&](Bytes done, Bytes total) {
                const Bytes missing{total > done ? total.value - done.value : 0};
                work_.region.pool.check_space(missing, work_.free_space_reserve);
                work_.on_progress(share(done.value, total.value), "downloading");
            },
            work_.stop);
    }

    void operator()(const images::ObjectName& object) const {
        const Bytes size = work_.store.size(object);
        work_.region.pool.check_space(size, work_.free_space_reserve);
        const Fd file = make_file(to_);
        for (Bytes offset; offset < size; offset = offset + object_piece) {
            if (work_.stop.stop_requested()) throw Error("Canceled", "", "the import was canceled");
            write_all(file, to_,
                      work_.store.get(object, {.offset = offset, .length = object_piece}));
            work_.on_progress(share(offset.value, size.value), "reading the object");
        }
    }

    void operator()(const SnapshotId&) const {}  // there already

  private:
    const ImportWork& work_;
    const fs::path& to_;
    bool loopback_;
};

/// The disks of one container, as files that become layers, or the snapshot that it names.
struct Disks {
    std::vector<CleanDisk> clean;
    std::optional<SnapshotId> snapshot;
    std::string description;
};

class Import {
  public:
    Import(const ImportWork& work, const images::ImportTask& task)
        : work_(work),
          task_(task),
          stored_(parse_import_request(task.request)),
          directory_(directory_of(work.region, task.id)) {
        make_passable_directory(directory_.parent_path());
        make_passable_directory(directory_);
    }

    void run() {
        std::vector<Disks> containers;
        for (std::size_t i = 0; i < request().disks.size(); ++i)
            containers.push_back(get(i));
        const bool whole_image = task_.id.starts_with(images::ImportImageTaskId::prefix);
        if (!whole_image && containers.front().clean.size() > 1) {
            throw Error(error_code::invalid_parameter_value, "",
                        fmt::format("the archive has {} disks, and a snapshot is of one: import an "
                                    "image of it",
                                    containers.front().clean.size()));
        }
        std::string message;
        std::optional<images::Image> image;
        if (whole_image) {
            image = describe_image(task_, request(), look_into(containers.front(), message),
                                   work_.clock.now());
        }
        work_.on_progress(percent_when_converted, "registering");
        publish(containers, image, message);
        remove_work(work_.region, task_.id);
    }

  private:
    const ImportImageRequest& request() const { return stored_.request; }

    Disks get(std::size_t number) {
        const DiskContainer& container = request().disks[number];
        Disks disks{.description = container.description.empty() ? request().description
                                                                 : container.description};
        if (const auto* id = std::get_if<SnapshotId>(&container.source)) {
            disks.snapshot = *id;
            return disks;
        }
        const fs::path directory = directory_ / std::to_string(number);
        make_passable_directory(directory);
        const fs::path file = directory / "file";
        std::visit(Fetch(work_, file, stored_.loopback), container.source);
        disks.clean = clean({.file = file, .format = container.format, .sha256 = container.sha256},
                            cleaning());
        return disks;  // the file stays until all is published: a crash begins with it
    }

    Cleaning cleaning() const {
        return {.pool = work_.region.pool,
                .free_space_reserve = work_.free_space_reserve,
                .slot = work_.slot,
                .check_size =
                    [this](Bytes size) {
                        work_.database.read([&](Session& session) {
                            images::check_volume_quota(session, task_.owner, size);
                        });
                    },
                .on_progress =
                    [this](int percent, const std::string& step) {
                        constexpr int share_of_it = percent_when_converted - percent_when_fetched;
                        work_.on_progress(percent_when_fetched + percent * share_of_it / 100, step);
                    },
                .stop = work_.stop};
    }

    /// Nothing known of the system on it is no failure: it may be one of the user's own.
    std::optional<Inspection> look_into(const Disks& first, std::string& message) const {
        if (first.snapshot) return std::nullopt;
        work_.on_progress(percent_when_converted, "looking into the disk");
        try {
            return inspect_disk(
                {.file = first.clean.front().file, .use_kvm = work_.accelerators.host_uses_kvm()});
        } catch (const Error& error) {
            log::info("{}: {}", task_.id, error.message());
            message = fmt::format("{}: it boots as was asked for, or as x86_64 with BIOS",
                                  error.message());
            return std::nullopt;
        }
    }

    void publish(const std::vector<Disks>& containers, const std::optional<images::Image>& image,
                 const std::string& message) const {
        if (work_.stop.stop_requested()) throw Error("Canceled", "", "the import was canceled");
        const images::Pool& pool = work_.region.pool;
        // Who compares files with rows meanwhile would take them for nobody's.
        const auto collecting = pool.collecting();
        Rollback undo;
        std::vector<ImportedDisk> disks;
        for (std::size_t i = 0; i < containers.size(); ++i) {
            const Disks& container = containers[i];
            if (container.snapshot) disks.push_back({.container = i, .disk = *container.snapshot});
            for (const CleanDisk& clean : container.clean) {
                const LayerId layer = LayerId::generate();
                undo.add([&pool, layer] { pool.remove(layer); });
                pool.adopt(layer, clean.file);
                disks.push_back({.container = i,
                                 .disk = ImportedLayer{.layer = layer,
                                                       .size = clean.size,
                                                       .description = container.description}});
            }
        }
        const bool published = work_.database.write([&](Session& session) {
            return publish_import(session, pool,
                                  {.task = task_,
                                   .request = request(),
                                   .disks = disks,
                                   .image = image,
                                   .message = message,
                                   .now = work_.clock.now()});
        });
        if (!published) throw Error("Canceled", "", "the import was canceled");
        undo.commit();
    }

    const ImportWork& work_;
    const images::ImportTask& task_;
    StoredImportRequest stored_;
    fs::path directory_;
};

}  // namespace

void import_disks(const ImportWork& work, const images::ImportTask& task) {
    Import(work, task).run();
}

void remove_work(const launcher::Region& region, const std::string& task) {
    fs::remove_all(directory_of(region, task));
}

void remove_left_work(const launcher::Region& region, const std::set<std::string>& unfinished) {
    for (const auto& entry : entries_of_imports(region)) {
        const std::string name = entry.path().filename();
        if (entry.is_directory() && !unfinished.contains(name)) fs::remove_all(entry.path());
    }
}

}  // namespace kiln::builder
