#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/process.hpp"
#include "builder/import/import_work.hpp"
#include "builder/import/imported_image.hpp"
#include "builder/import/importer.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

/// An importer over a fresh catalog and pool, with the real qemu-img and no guests.
class ImportFixture : public LauncherFixture {
  protected:
    ImportFixture() {
        // The confined reader must be able to pass.
        for (const auto& path : {directory(), pool().directory()})
            std::filesystem::permissions(path, std::filesystem::perms{0711});
        start_importer();
    }

    void start_importer() {
        importer_ = std::make_unique<builder::Importer>(
            builder::Importer::Dependencies{.database = database(),
                                            .regions = regions(),
                                            .store = store(),
                                            .accelerators = accelerators_,
                                            .clock = import_clock_,
                                            .free_space_reserve = Bytes::mebibytes(1)});
        importer_->recover();
    }
    void stop_importer() { importer_.reset(); }
    builder::Importer& importer() { return *importer_; }

    /// Sends the bytes of a file as a client would.
    images::UploadId upload(const std::filesystem::path& file) {
        const std::string bytes = read_file(file, Bytes::mebibytes(256));
        const images::Upload begun = importer().uploads().create(caller(), {bytes.size()});
        constexpr std::size_t piece = 1U << 20U;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            importer().uploads().append(caller(), begun.id, {at},
                                        std::string_view(bytes).substr(at, piece));
        }
        return begun.id;
    }
    /// The import of a file as a snapshot, when it has ended.
    images::ImportTask import_file(const std::filesystem::path& file,
                                   const std::string& format = "", const std::string& sha256 = "") {
        return finish(importer().import_snapshot(
            caller(), {.disk = {.source = upload(file), .format = format, .sha256 = sha256}}));
    }
    images::ImportTask finish(const images::ImportTask& task) {
        importer().wait_until_idle();
        return task_now(task.id);
    }
    images::ImportTask task_now(const std::string& id) {
        return read([&](Session& session) {
            return images::get_import_task(session, caller().scope(), id);
        });
    }
    /// The layer of the only disk of a completed task.
    std::filesystem::path layer_of(const images::ImportTask& task) {
        const SnapshotId snapshot = builder::imported_snapshots(task).at(0).id;
        return pool().path_of(
            read([&](Session& session) { return images::find_snapshot(session, snapshot); })
                .value()
                .layer.value());
    }
    std::filesystem::path imports() { return builder::imports_directory(regions().home()); }

    std::filesystem::path file(const std::string& name) const { return directory() / name; }
    static void qemu_img(const std::vector<std::string>& arguments) {
        Command command{.arguments = {"qemu-img"}};
        command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
        run_checked(command);
    }

  private:
    SystemClock import_clock_;
    hypervisor::Accelerators accelerators_ = emulating_all();
    std::unique_ptr<builder::Importer> importer_;
};

}  // namespace kiln::tests
