#pragma once

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "builder/export/export_files.hpp"
#include "builder/export/exports.hpp"
#include "builder/tasks/task_threads.hpp"
#include "images/bundles/transfer.hpp"
#include "images/catalog/bucket.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::builder {

/// A clock that a test sets.
class SetClock final : public Clock {
  public:
    Time now() const override { return now_.load(); }
    void advance(std::chrono::milliseconds by) { now_.store(now_.load() + by); }

  private:
    std::atomic<Time> now_{from_epoch_ms(1'700'000'000'000)};
};

/// Exports over a catalog, a real pool and a fake host, with an image of two layers that hold
/// something.
class ExportsFixture : public tests::LauncherFixture {
  protected:
    ExportsFixture() {
        base_ = insert_image_on(std::nullopt, "base", "write -P 1 0 4M");
        image_ = insert_image_on(layer_of(base_), "web", "write -P 2 1M 1M");
        start_exports();
    }
    ~ExportsFixture() override { stop_exports(); }

    /// Tasks are done only from start_tasks() on.
    void start_exports() {
        threads_ = std::make_unique<TaskThreads>();
        exports_ = std::make_unique<Exports>(
            Exports::Dependencies{.database = database(),
                                  .regions = regions(),
                                  .store = store(),
                                  .accelerators = accelerators_,
                                  .clock = clock_,
                                  .threads = *threads_,
                                  .free_space_reserve = Bytes::mebibytes(1)});
    }
    void stop_exports() {
        exports_.reset();
        threads_.reset();
    }
    void start_tasks() { threads_->start(); }
    void settle_tasks() { threads_->wait_until_idle(); }

    Exports& exports() { return *exports_; }
    const ImageId& base() const { return *base_; }
    const ImageId& image() const { return *image_; }
    images::Caller stranger_caller() const {
        return {.account = stranger().owner, .region = caller().region};
    }
    SetClock& clock() { return clock_; }

    images::ExportTaskId begin(const ExportRequest& request) {
        return exports().export_image(caller(), request).id;
    }
    images::ExportTaskId begin() { return begin({.image = image(), .format = qcow2}); }
    /// Begins it, and waits until it has ended.
    images::ExportTaskId done(const ExportRequest& request) {
        const auto id = begin(request);
        settle_tasks();
        EXPECT_EQ(task_now(id).state, images::ExportTaskState::completed)
            << task_now(id).status_message;
        return id;
    }
    images::ExportTask task_now(const images::ExportTaskId& id) {
        return read(
            [&](Session& session) { return images::find_export_task(session, id).value(); });
    }
    std::string state_of(const images::ExportTaskId& id) {
        return std::string(to_text(task_now(id).state));
    }
    /// All of the file, as a client reads it.
    std::string fetched(const images::ExportTaskId& id) {
        std::string bytes;
        while (true) {
            const std::string piece = exports().read(
                caller(), id, {.offset = {bytes.size()}, .length = Bytes::gibibytes(1)});
            if (piece.empty()) return bytes;
            EXPECT_LE(piece.size(), max_export_piece.value);
            bytes += piece;
        }
    }
    /// The file that it is fetched into.
    std::filesystem::path fetched_file(const images::ExportTaskId& id) {
        const std::filesystem::path file =
            directory() / export_file_name(task_now(id).image, task_now(id).format);
        std::ofstream(file, std::ios::binary) << fetched(id);
        return file;
    }
    /// Whether a file of the format holds what the image's chain holds.
    void expect_same(const std::string& format, const std::filesystem::path& file,
                     const ImageId& id) {
        const ProcessResult compared =
            run_process({.arguments = {"qemu-img", "compare", "-f", format, "-F", "qcow2", file,
                                       pool().path_of(layer_of(id))}});
        EXPECT_EQ(compared.exit_status, 0) << compared.standard_output << compared.standard_error;
    }
    std::filesystem::path exports_directory() const { return pool().directory() / "exports"; }
    bool nothing_is_kept() const {
        return !std::filesystem::exists(exports_directory()) ||
               std::filesystem::is_empty(exports_directory());
    }
    LayerId layer_of(const std::optional<ImageId>& id) {
        return read([&](Session& session) {
            const auto snapshot = images::find_image(session, *id)->block_devices.at(0).snapshot;
            return images::find_snapshot(session, *snapshot)->layer.value();
        });
    }
    images::Image change_image(const ImageId& id,
                               const std::function<void(images::Image&)>& change) {
        return write([&](Session& session) {
            images::Image image = images::find_image(session, id).value();
            change(image);
            images::update_image(session, image);
            images::set_image_block_devices(session, id, image.block_devices);
            return image;
        });
    }

    static constexpr auto qcow2 = images::DiskImageFormat::qcow2;

  private:
    ImageId insert_image_on(const std::optional<LayerId>& parent, const std::string& name,
                            const std::string& content) {
        images::Layer layer = this->layer(parent);
        layer.virtual_size = Bytes::mebibytes(64);
        if (parent) {
            pool().create_overlay(
                {.layer = layer.id, .parent = *parent, .size = layer.virtual_size});
        } else {
            pool().create_empty(layer.id, layer.virtual_size);
        }
        run_checked(
            {.arguments = {"qemu-io", "-f", "qcow2", "-c", content, pool().path_of(layer.id)}});
        pool().freeze(layer.id);
        images::Snapshot root = snapshot(layer.id);
        root.volume_size = layer.virtual_size;
        const images::Image made = tests::LauncherFixture::image(name, root.id);
        write([&](Session& session) {
            images::insert_layer(session, layer);
            images::insert_snapshot(session, root);
            images::insert_image(session, made);
        });
        return made.id;
    }

    SetClock clock_;
    hypervisor::Accelerators accelerators_ = tests::emulating_all();
    std::optional<ImageId> base_;
    std::optional<ImageId> image_;
    std::unique_ptr<TaskThreads> threads_;
    std::unique_ptr<Exports> exports_;
};

}  // namespace kiln::builder
