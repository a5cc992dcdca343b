#pragma once

#include <memory>
#include <string>

#include "base/file.hpp"
#include "builder/builder.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/regions/regions.hpp"
#include "tests/catalog_fixture.hpp"
#include "tests/fakes/fake_hypervisor.hpp"
#include "tests/fakes/fake_workshop.hpp"

namespace kiln::tests {

/// A builder over a fresh catalog and pool.
class BuilderFixture : public CatalogFixture {
  protected:
    BuilderFixture() { start_service(); }

    void start_service(Bytes free_space_reserve = {}) {
        builder_ = std::make_unique<builder::Builder>(
            builder::Builder::Dependencies{.database = database(),
                                           .regions = regions_,
                                           .clock = clock_,
                                           .work_directory = work_directory(),
                                           .free_space_reserve = free_space_reserve,
                                           .workshop = workshop_,
                                           .cache_size = cache_size_});
    }
    void stop_service() { builder_.reset(); }
    /// From the next start of the service on.
    void set_cache_size(Bytes size) { cache_size_ = size; }

    FakeWorkshop& workshop() { return workshop_; }
    launcher::Regions& regions() { return regions_; }

    builder::Builder& builder() { return *builder_; }
    const images::Pool& pool() const { return regions_.home().pool; }
    std::filesystem::path work_directory() const { return directory() / "builds"; }
    bool nothing_is_left() const {
        return !std::filesystem::exists(work_directory()) ||
               std::filesystem::is_empty(work_directory());
    }
    images::Image image_of(const ImageId& id) {
        return read([&](Session& session) { return images::find_image(session, id); }).value();
    }
    std::size_t open_operations() {
        return read([](Session& session) { return images::open_operations(session); }).size();
    }
    builder::ImageBuild status_of(const ImageId& id) {
        for (const builder::ImageBuild& build : builder().describe_image_builds(caller())) {
            if (build.image == id) return build;
        }
        throw Error("NoBuild", id.str(), "there is no build of " + id.str());
    }
    builder::ImageBuild wait_for_end(const ImageId& id) {
        builder().wait_until_idle();
        return status_of(id);
    }

  private:
    SystemClock clock_;
    Settings settings_{.state_directory = directory(), .region = "local-1", .zones = {"local-1a"}};
    FakeHypervisor host_;
    launcher::Regions regions_{{.database = database(),
                                .settings = settings_,
                                .clock = clock_,
                                .connect = [this](const std::string&) {
                                    return std::shared_ptr<hypervisor::Hypervisor>(
                                        std::shared_ptr<void>(), &host_);
                                }}};
    FakeWorkshop workshop_;
    Bytes cache_size_ = Bytes::gibibytes(20);
    std::unique_ptr<builder::Builder> builder_;
};

}  // namespace kiln::tests
