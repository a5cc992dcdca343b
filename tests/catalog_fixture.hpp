#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/statement.hpp"
#include "base/units.hpp"
#include "images/accounts/account.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/key_pair.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/migrations.hpp"
#include "images/catalog/scope.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/volume.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

/// A fresh catalog in a directory of its own, and one account that calls.
class CatalogFixture : public ::testing::Test {
  protected:
    CatalogFixture() : database_((directory_.path() / "catalog.db").string()) {
        database_.migrate(images::migrations());
    }

    const std::filesystem::path& directory() const { return directory_.path(); }
    Database& database() { return database_; }
    const images::Caller& caller() const { return caller_; }
    images::Scope scope() const { return caller_.scope(); }
    /// Another account in the same region.
    images::Scope stranger() const { return {.owner = stranger_, .region = caller_.region}; }
    Time now() const { return now_; }

    template <class Work>
    auto read(Work&& work) {
        return database_.read(std::forward<Work>(work));
    }
    template <class Work>
    auto write(Work&& work) {
        return database_.write(std::forward<Work>(work));
    }

    /// There must be an account for somebody to share with it.
    void make_account_of_stranger() {
        write([&](Session& session) {
            images::insert_account(session, {.id = stranger_, .name = "stranger", .created = now_});
        });
    }

    void make_public(const ImageId& id) {
        write([&](Session& session) {
            run_sql(session,
                    "insert into image_permissions (image_id, grantee) values (:id, 'all')",
                    {{"id", id.str()}});
        });
    }

    /// Rows of the caller that are valid as they are. Change what a test is about, then insert.
    images::Layer layer(std::optional<LayerId> parent = std::nullopt) const {
        return {.id = LayerId::generate(),
                .region = caller_.region,
                .parent = std::move(parent),
                .state = images::LayerState::frozen,
                .virtual_size = Bytes::gibibytes(1),
                .created = now_};
    }
    images::Snapshot snapshot(const LayerId& on) const {
        return {.id = SnapshotId::generate(),
                .owner = caller_.account,
                .region = caller_.region,
                .layer = on,
                .state = images::SnapshotState::completed,
                .volume_size = Bytes::gibibytes(1),
                .description = "",
                .created = now_};
    }
    images::Image image(const std::string& name,
                        std::optional<SnapshotId> root = std::nullopt) const {
        return {.id = ImageId::generate(),
                .owner = caller_.account,
                .region = caller_.region,
                .name = name,
                .description = "",
                .state = images::ImageState::available,
                .architecture = images::Architecture::x86_64,
                .virtualization_type = images::VirtualizationType::hvm,
                .boot_mode = images::BootMode::legacy_bios,
                .root_device_name = "/dev/sda1",
                .login_user = "admin",
                .created = now_,
                .block_devices = {{.device_name = "/dev/sda1",
                                   .snapshot = std::move(root),
                                   .volume_size = Bytes::gibibytes(1)}}};
    }
    images::Instance instance(const ImageId& from) const {
        return {.id = InstanceId::generate(),
                .owner = caller_.account,
                .region = caller_.region,
                .zone = caller_.region + "a",
                .reservation = ReservationId::generate(),
                .image = from,
                .instance_type = "t3.micro",
                .state = images::InstanceState::running,
                .architecture = images::Architecture::x86_64,
                .virtualization_type = images::VirtualizationType::hvm,
                .boot_mode = images::BootMode::legacy_bios,
                .root_device_name = "/dev/sda1",
                .login_user = "admin",
                .shutdown_behavior = images::ShutdownBehavior::stop,
                .launched = now_};
    }
    images::Volume volume(std::optional<LayerId> on = std::nullopt) const {
        return {.id = VolumeId::generate(),
                .owner = caller_.account,
                .region = caller_.region,
                .zone = caller_.region + "a",
                .layer = std::move(on),
                .state = images::VolumeState::available,
                .size = Bytes::gibibytes(1),
                .volume_type = "gp3",
                .created = now_};
    }

  private:
    TemporaryDirectory directory_;
    Database database_;
    images::Caller caller_{.account = AccountId("111111111111"), .region = "local-1"};
    AccountId stranger_{"222222222222"};
    Time now_ = from_epoch_ms(1'700'000'000'123);
};

/// The code of the Error that `work` throws; "" when it throws none.
template <class Work>
std::string error_code_of(Work&& work) {
    try {
        std::forward<Work>(work)();
    } catch (const Error& error) {
        return error.code();
    }
    return "";
}

/// The message of the Error that `work` throws; "" when it throws none.
template <class Work>
std::string error_message_of(Work&& work) {
    try {
        std::forward<Work>(work)();
    } catch (const Error& error) {
        return error.message();
    }
    return "";
}

}  // namespace kiln::tests
