#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/settings.hpp"
#include "images/bundles/directory_object_store.hpp"
#include "images/catalog/operation.hpp"
#include "images/layers/pool.hpp"
#include "launcher/launcher.hpp"
#include "tests/catalog_fixture.hpp"
#include "tests/fakes/fake_hypervisor.hpp"
#include "tests/fakes/watched_object_store.hpp"

namespace kiln::tests {

/// A launcher over a fresh catalog, a real pool and a fake hypervisor, with one image to launch.
class LauncherFixture : public CatalogFixture {
  protected:
    LauncherFixture() : image_(insert_image("golden")) { start_service(); }

    void start_service() {
        launcher_ = std::make_unique<launcher::Launcher>(
            launcher::Launcher::Dependencies{.settings = settings_,
                                             .clock = clock_,
                                             .database = database(),
                                             .regions = regions_,
                                             .store = store_,
                                             .accelerators = emulating_all(system_vendor_),
                                             .catalog_id = "catalog"});
        launcher_->recover();
        settle();
    }
    void stop_service() { launcher_.reset(); }
    void settle() { launcher_->wait_until_idle(); }

    /// An image with one snapshot of 1 GiB, whose layer is really there.
    ImageId insert_image(const std::string& name) {
        const images::Layer base = layer();
        pool().create_empty(base.id, base.virtual_size);
        pool().freeze(base.id);
        const images::Snapshot root = snapshot(base.id);
        const images::Image made = image(name, root.id);
        write([&](Session& session) {
            images::insert_layer(session, base);
            images::insert_snapshot(session, root);
            images::insert_image(session, made);
        });
        return made.id;
    }

    launcher::RunInstancesRequest request() const {
        return {.image = image_, .instance_type = "t3.micro"};
    }
    /// Launches one instance and waits until it runs.
    InstanceId run_one() { return run_one(request()); }
    InstanceId run_one(const launcher::RunInstancesRequest& wanted) {
        const auto reservation = launcher().run_instances(caller(), wanted);
        settle();
        return reservation.instances.at(0).id;
    }
    images::Instance instance_now(const InstanceId& id) {
        return read([&](Session& session) { return images::find_instance(session, id).value(); });
    }
    images::InstanceState state(const InstanceId& id) { return instance_now(id).state; }
    std::vector<images::Volume> volumes(const InstanceId& id) {
        return read([&](Session& session) { return images::volumes_of_instance(session, id); });
    }
    images::Image image_now(const ImageId& id) {
        return read([&](Session& session) { return images::find_image(session, id).value(); });
    }
    std::optional<images::Layer> layer_now(const LayerId& id) {
        return read(
            [&](Session& session) { return images::find_layer(session, caller().region, id); });
    }
    std::size_t open_operation_count() {
        return read([](Session& session) { return images::open_operations(session).size(); });
    }
    std::size_t file_count() const {
        const std::filesystem::directory_iterator files(pool().directory());
        return static_cast<std::size_t>(std::distance(begin(files), end(files)));
    }
    std::size_t layer_count() {
        return read([this](Session& session) {
            return images::all_layers(session, caller().region).size();
        });
    }

    WatchedObjectStore& store() { return store_; }
    launcher::Launcher& launcher() { return *launcher_; }
    FakeHypervisor& host() { return host_; }
    launcher::Regions& regions() { return regions_; }
    const images::Pool& pool() const { return regions_.home().pool; }
    const ImageId& golden() const { return image_; }
    Settings& settings() { return settings_; }
    /// What DMI says of the host from the next start_service() on.
    void set_system_vendor(const std::string& vendor) { system_vendor_ = vendor; }

  private:
    std::string system_vendor_ = "QEMU";
    Settings settings_{.state_directory = directory(),
                       .region = "local-1",
                       .zones = {"local-1a", "local-1b"},
                       .libvirt_uri = "fake:///",
                       .free_space_reserve = Bytes::mebibytes(1),
                       .memory_reserve = Bytes::mebibytes(512)};
    SystemClock clock_;
    FakeHypervisor host_;
    launcher::Regions regions_{{.database = database(),
                                .settings = settings_,
                                .clock = clock_,
                                .connect = [this](const std::string&) {
                                    return std::shared_ptr<hypervisor::Hypervisor>(
                                        std::shared_ptr<void>(), &host_);
                                }}};
    images::DirectoryObjectStore objects_{directory() / "objects"};
    WatchedObjectStore store_{objects_};
    ImageId image_;
    std::unique_ptr<launcher::Launcher> launcher_;
};

}  // namespace kiln::tests
