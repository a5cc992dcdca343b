#pragma once

#include <memory>
#include <string>

#include "base/file.hpp"
#include "builder/builder.hpp"
#include "images/catalog/operation.hpp"
#include "images/layers/pool.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::tests {

/// A builder over a fresh catalog and pool.
class BuilderFixture : public CatalogFixture {
  protected:
    BuilderFixture() : pool_(directory() / "layers") { start_service(); }

    void start_service(Bytes free_space_reserve = {}) {
        builder_ = std::make_unique<builder::Builder>(
            builder::Builder::Dependencies{.database = database(),
                                           .pool = pool_,
                                           .clock = clock_,
                                           .work_directory = work_directory(),
                                           .free_space_reserve = free_space_reserve});
    }
    void stop_service() { builder_.reset(); }

    builder::Builder& builder() { return *builder_; }
    const images::Pool& pool() const { return pool_; }
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
    images::Pool pool_;
    std::unique_ptr<builder::Builder> builder_;
};

}  // namespace kiln::tests
