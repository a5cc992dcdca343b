#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/statement.hpp"
#include "images/catalog/encryption_key.hpp"
#include "images/layers/qemu_img.hpp"
#include "launcher/encryption/keys.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::ImageState;
using images::SnapshotState;
using images::VolumeState;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* marker = "TheOwnersSecret";

/// Two regions on one host. In each the account has its key, unless a test wants none: making the
/// first file with a key takes seconds.
class EncryptionTest : public VolumesFixture {
  protected:
    static void SetUpTestSuite() {
        static const TemporaryDirectory kept;
        blanks_ = kept.path();
        for (const images::LayerKey* key : {&near_key_, &far_key_})
            images::qemu_img::create_blank(blank_in(blanks_, *key), *key);
    }
    EncryptionTest() {
        regions().create(administrator(), {.name = "local-2"});
        give_key(near_key_, regions().home());
        give_key(far_key_, regions().get("local-2"));
    }

    static std::filesystem::path blank_in(const std::filesystem::path& directory,
                                          const images::LayerKey& key) {
        return directory / ("blank-" + key.id + ".qcow2");
    }
    void give_key(const images::LayerKey& key, const launcher::Region& region) {
        std::filesystem::copy_file(blank_in(blanks_, key), blank_in(region.pool.directory(), key));
        host().define_secret({.id = key.id, .passphrase = key.passphrase});
        write([&](Session& session) {
            images::insert_encryption_key(
                session,
                {.id = key.id, .owner = caller().account, .region = region.name, .created = now()});
        });
    }
    images::Caller administrator() const {
        images::Caller administrator = caller();
        administrator.administrator = true;
        return administrator;
    }
    images::Caller there() const { return {.account = caller().account, .region = "local-2"}; }
    std::optional<images::EncryptionKey> key_in(const std::string& region) {
        return read([&](Session& session) {
            return images::find_encryption_key(session,
                                               {.owner = caller().account, .region = region});
        });
    }

    /// A snapshot in clear that begins with the marker.
    SnapshotId clear_snapshot() {
        const VolumeId volume = create_empty();
        write_to(volume, marker);
        return snap(volume);
    }
    SnapshotId copy(const images::Caller& target, const std::string& source_region,
                    const SnapshotId& source, const launcher::EncryptionRequest& encryption = {}) {
        const SnapshotId id = launcher().copy_snapshot(
            target, {.source_region = source_region, .source = source, .encryption = encryption});
        settle();
        return id;
    }
    SnapshotId encrypted_snapshot() {
        return copy(caller(), "local-1", clear_snapshot(), {.encrypted = true});
    }
    /// An image with an encrypted root.
    ImageId encrypted_image(const std::string& name = "secret") {
        const ImageId id = launcher().copy_image(caller(), {.source_region = "local-1",
                                                            .source = golden(),
                                                            .name = name,
                                                            .encryption = {.encrypted = true}});
        settle();
        return id;
    }
    InstanceId run_encrypted() {
        auto wanted = request();
        wanted.image = encrypted_image();
        return run_one(wanted);
    }
    VolumeId volume_of(const SnapshotId& snapshot) { return create({.snapshot = snapshot}); }
    VolumeId root_of(const InstanceId& id) { return volumes(id).at(0).id; }

    /// What qemu-img makes of a chain that is described to it, with the keys that it needs.
    std::string read_through(const launcher::Region& region, const LayerId& top) {
        const LayerId copy = LayerId::generate();
        const auto row = read([&](Session& session) {
            return images::find_layer(session, region.name, top).value();
        });
        region.pool.encrypt({.layer = copy,
                             .size = row.virtual_size,
                             .from = region.pool.path_of(top),
                             .from_key = launcher::layer_key(region, row.key_id),
                             .key = region.name == "local-1" ? near_key_ : far_key_},
                            {});
        const auto text = decrypted(region, copy);
        region.pool.remove(copy);
        return text;
    }
    std::string decrypted(const launcher::Region& region, const LayerId& layer) {
        const images::LayerKey& key = region.name == "local-1" ? near_key_ : far_key_;
        return run_checked(
            {.arguments = {"qemu-io", "--object", "secret,id=k,file=" + secret_file(0),
                           "--image-opts",
                           fmt::format("driver=qcow2,file.filename={},encrypt.key-secret=k",
                                       region.pool.path_of(layer).string()),
                           "-c", "read -v 0 32"},
             .secrets = {key.passphrase}});
    }
    std::string content_of(const VolumeId& volume) {
        return read_through(regions().home(), volume_now(volume).layer.value());
    }
    void expect_no_marker_in(const launcher::Region& region, const LayerId& layer) {
        EXPECT_THAT(read_file(region.pool.path_of(layer)), Not(HasSubstr(marker)));
    }
    images::Layer layer_of(const VolumeId& volume) {
        return layer_now(volume_now(volume).layer.value()).value();
    }
    std::vector<std::string> keys_of_chain(const InstanceId& id, std::size_t disk = 0) {
        const hypervisor::DomainSpec domain = host().spec(id.str());
        std::vector<std::string> keys;
        for (const auto& file : domain.disks.at(disk).chain)
            keys.push_back(file.key_id);
        return keys;
    }

    static inline const images::LayerKey near_key_ = images::generate_layer_key();
    static inline const images::LayerKey far_key_ = images::generate_layer_key();
    static inline std::filesystem::path blanks_;
};

TEST_F(EncryptionTest, a_copy_of_a_snapshot_in_clear_is_encrypted_by_wish) {
    const SnapshotId source = clear_snapshot();
    const images::Snapshot copied =
        snapshot_now(copy(caller(), "local-1", source, {.encrypted = true}));
    EXPECT_EQ(copied.state, SnapshotState::completed);
    EXPECT_EQ(copied.key_id, near_key_.id);
    EXPECT_NE(copied.layer, snapshot_now(source).layer);
    EXPECT_GT(copied.stored_size.value, 0U);
    expect_no_marker_in(regions().home(), copied.layer.value());
    EXPECT_THAT(decrypted(regions().home(), copied.layer.value()), HasSubstr(marker));
    EXPECT_EQ(layer_now(copied.layer.value())->state, images::LayerState::frozen);

    launcher().delete_snapshot(caller(), source);
    EXPECT_THAT(decrypted(regions().home(), copied.layer.value()), HasSubstr(marker));
}

TEST_F(EncryptionTest, a_copy_in_the_same_region_of_an_encrypted_snapshot_shares_its_layers) {
    const SnapshotId first = encrypted_snapshot();
    const auto layers = layer_count();
    const SnapshotId second = copy(caller(), "local-1", first);
    EXPECT_EQ(snapshot_now(second).layer, snapshot_now(first).layer);
    EXPECT_EQ(snapshot_now(second).key_id, near_key_.id);
    EXPECT_EQ(layer_count(), layers);
}

TEST_F(EncryptionTest, a_copy_in_another_region_is_encrypted_with_the_key_of_that_region) {
    const VolumeId volume = volume_of(encrypted_snapshot());
    const SnapshotId source = snap(volume);  // of two layers
    const images::Snapshot copied = snapshot_now(copy(there(), "local-1", source));
    EXPECT_EQ(copied.state, SnapshotState::completed);
    EXPECT_EQ(copied.key_id, far_key_.id);
    const launcher::Region& far = regions().get("local-2");
    EXPECT_THAT(far.pool.files(), ::testing::ElementsAre(copied.layer.value()));
    EXPECT_EQ(far.pool.parent_of(copied.layer.value()), std::nullopt);
    EXPECT_THAT(decrypted(far, copied.layer.value()), HasSubstr(marker));
}

TEST_F(EncryptionTest, no_copy_of_an_encrypted_snapshot_is_in_clear) {
    const SnapshotId source = encrypted_snapshot();
    const ImageId image = encrypted_image();
    for (const images::Caller& target : {caller(), there()}) {
        expect_refused("InvalidRequest", [&] {
            launcher().copy_snapshot(
                target,
                {.source_region = "local-1", .source = source, .encryption = {.encrypted = false}});
        });
        expect_refused("InvalidRequest", [&] {
            launcher().copy_image(target, {.source_region = "local-1",
                                           .source = image,
                                           .name = "in clear",
                                           .encryption = {.encrypted = false}});
        });
    }
    EXPECT_EQ(copy(caller(), "local-1", clear_snapshot(), {.encrypted = false}).str().substr(0, 5),
              "snap-");
}

TEST_F(EncryptionTest, no_copy_of_an_instance_store_image_is_promised_to_be_encrypted) {
    write([&](Session& session) {
        run_sql(session, "update images set root_device_type = 'instance-store'", {});
    });
    expect_refused("InvalidRequest", [&] { encrypted_image(); });
}

TEST_F(EncryptionTest, guests_of_an_encrypted_image_write_with_its_key) {
    const InstanceId id = run_encrypted();
    EXPECT_EQ(state(id), images::InstanceState::running);
    const images::Image image = image_now(instance_now(id).image);
    EXPECT_TRUE(image.block_devices.at(0).encrypted);
    EXPECT_EQ(volumes(id).at(0).key_id, near_key_.id);
    EXPECT_THAT(keys_of_chain(id), ::testing::ElementsAre(near_key_.id, near_key_.id));

    const ImageId second =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();
    const images::Image captured = image_now(second);
    EXPECT_EQ(captured.state, ImageState::available);
    EXPECT_TRUE(captured.block_devices.at(0).encrypted);
    EXPECT_EQ(snapshot_now(captured.block_devices.at(0).snapshot.value()).key_id, near_key_.id);
    EXPECT_EQ(keys_of_chain(id), std::vector<std::string>(3, near_key_.id));
    EXPECT_TRUE(regions().home().pool.is_encrypted(layer_of(root_of(id)).id));
}

TEST_F(EncryptionTest, an_image_copied_to_another_region_runs_there_encrypted) {
    const ImageId id = launcher().copy_image(
        there(), {.source_region = "local-1", .source = encrypted_image(), .name = "far"});
    settle();
    EXPECT_EQ(image_now(id).state, ImageState::available) << image_now(id).state_reason;
    auto wanted = request();
    wanted.image = id;
    const auto instance = launcher().run_instances(there(), wanted).instances.at(0).id;
    settle();
    EXPECT_EQ(state(instance), images::InstanceState::running);
    EXPECT_EQ(keys_of_chain(instance), std::vector<std::string>(2, far_key_.id));
}

TEST_F(EncryptionTest, volumes_are_encrypted_as_their_snapshots_are_or_by_wish) {
    const SnapshotId clear = clear_snapshot();
    const VolumeId empty = create({.size = Bytes::gibibytes(1), .encryption = {.encrypted = true}});
    EXPECT_EQ(volume_now(empty).key_id, near_key_.id);
    EXPECT_TRUE(pool().is_encrypted(layer_of(empty).id));

    const VolumeId inherited = volume_of(encrypted_snapshot());
    EXPECT_EQ(volume_now(inherited).key_id, near_key_.id);
    EXPECT_THAT(content_of(inherited), HasSubstr(marker));

    const VolumeId converted =
        create({.size = Bytes::gibibytes(2), .snapshot = clear, .encryption = {.encrypted = true}});
    EXPECT_EQ(volume_now(converted).state, VolumeState::available);
    EXPECT_EQ(layer_of(converted).parent, std::nullopt);
    EXPECT_EQ(layer_of(converted).state, images::LayerState::live);
    EXPECT_THAT(content_of(converted), HasSubstr(marker));
    expect_no_marker_in(regions().home(), layer_of(converted).id);
    EXPECT_EQ(pool().virtual_size(layer_of(converted).id), Bytes::gibibytes(2));

    launcher().delete_snapshot(caller(), clear);
    EXPECT_EQ(open_operation_count(), 0U) << "and nothing is pinned";
    expect_refused(error_code::invalid_parameter_value, [&] {
        launcher().create_volume(caller(), {.zone = "local-1a",
                                            .snapshot = volume_now(inherited).snapshot,
                                            .encryption = {.encrypted = false}});
    });
}

TEST_F(EncryptionTest, encrypted_volumes_are_attached_grown_and_captured) {
    const InstanceId id = run_one();
    const VolumeId volume = volume_of(encrypted_snapshot());
    attach(volume, id);
    EXPECT_EQ(keys_of_chain(id, host().spec(id.str()).disks.size() - 1),
              std::vector<std::string>(2, near_key_.id));
    launcher().modify_volume(caller(), {.volume = volume, .size = Bytes::gibibytes(2)});
    settle();
    EXPECT_EQ(volume_now(volume).size, Bytes::gibibytes(2));
    const SnapshotId live = snap(volume);
    detach(volume);
    launcher().modify_volume(caller(), {.volume = volume, .size = Bytes::gibibytes(3)});
    settle();
    EXPECT_EQ(pool().virtual_size(layer_of(volume).id), Bytes::gibibytes(3));
    const SnapshotId at_rest = snap(volume);
    for (const SnapshotId& snapshot : {live, at_rest}) {
        EXPECT_EQ(snapshot_now(snapshot).state, SnapshotState::completed);
        EXPECT_EQ(snapshot_now(snapshot).key_id, near_key_.id);
    }
    EXPECT_THAT(content_of(volume), HasSubstr(marker));
}

TEST_F(EncryptionTest, a_launch_gives_new_encrypted_volumes_and_refuses_to_encrypt_others) {
    auto wanted = request();
    wanted.block_devices = {{.device_name = "/dev/sdf",
                             .volume_size = Bytes::gibibytes(1),
                             .encryption = {.encrypted = true, .kms_key_id = "alias/aws/ebs"}}};
    const InstanceId id = run_one(wanted);
    EXPECT_EQ(volumes(id).at(0).key_id, std::nullopt);
    EXPECT_EQ(volumes(id).at(1).key_id, near_key_.id);

    wanted.block_devices = {{.device_name = "/dev/sda1", .encryption = {.encrypted = true}}};
    expect_refused("InvalidBlockDeviceMapping",
                   [&] { launcher().run_instances(caller(), wanted); });
}

TEST_F(EncryptionTest, a_mapping_does_not_make_what_is_encrypted_clear) {
    auto wanted = request();
    wanted.image = encrypted_image();
    const std::string root = image_now(wanted.image).root_device_name;
    wanted.block_devices = {{.device_name = root, .encryption = {.encrypted = false}}};
    EXPECT_THAT(error_message_of([&] { launcher().run_instances(caller(), wanted); }),
                HasSubstr("leave Encrypted out"));
    const SnapshotId secret = encrypted_snapshot();
    wanted.block_devices = {
        {.device_name = "/dev/sdf", .snapshot = secret, .encryption = {.encrypted = false}}};
    expect_refused("InvalidBlockDeviceMapping",
                   [&] { launcher().run_instances(caller(), wanted); });
    expect_refused("InvalidBlockDeviceMapping", [&] {
        launcher().register_image(
            caller(),
            {.name = "clear",
             .root_device_name = root,
             .block_devices = {
                 {.device_name = root, .snapshot = secret, .encryption = {.encrypted = false}}}});
    });
    wanted.image = golden();
    wanted.block_devices = {
        {.device_name = image_now(golden()).root_device_name, .encryption = {.encrypted = false}}};
    EXPECT_EQ(state(run_one(wanted)), images::InstanceState::running) << "it is in clear anyway";
}

TEST_F(EncryptionTest, long_encrypted_chains_are_pulled_short_and_merged) {
    const VolumeId volume = volume_of(encrypted_snapshot());
    std::vector<SnapshotId> snapshots;
    for (int i = 0; i < 17; ++i)
        snapshots.push_back(snap(volume));
    EXPECT_THAT(content_of(volume), HasSubstr(marker));
    for (const SnapshotId& snapshot : snapshots)
        launcher().delete_snapshot(caller(), snapshot);
    const auto collected = launcher().collect_garbage(administrator());
    EXPECT_FALSE(collected.layers.empty());
    EXPECT_THAT(content_of(volume), HasSubstr(marker));
    images::qemu_img::check(layer_file(volume), near_key_);
}

TEST_F(EncryptionTest,
       nobody_else_is_given_what_is_encrypted_and_nothing_of_it_is_stored_in_clear) {
    const SnapshotId snapshot = encrypted_snapshot();
    expect_refused("OperationNotPermitted", [&] {
        launcher().modify_snapshot_attribute(
            caller(), {.snapshot = snapshot, .add = {"123456789012"}, .remove = {}});
    });
    const ImageId image = encrypted_image();
    expect_refused(error_code::unsupported_operation,
                   [&] { launcher().create_store_image_task(caller(), image, "stored"); });
    expect_refused(error_code::unsupported_operation, [&] {
        launcher().convert_image(
            caller(), {.source = image,
                       .name = "bundled",
                       .bundle = images::ObjectPrefix{.bucket = "stored", .prefix = "web"}});
    });
}

TEST_F(EncryptionTest, only_the_accounts_own_key_is_known) {
    const std::string arn =
        fmt::format("arn:aws:kms:local-1:{}:key/{}", caller().account.str(), near_key_.id);
    for (const std::string& name : {std::string("alias/aws/ebs"), near_key_.id, arn}) {
        const VolumeId volume = create(
            {.size = Bytes::gibibytes(1), .encryption = {.encrypted = true, .kms_key_id = name}});
        EXPECT_EQ(volume_now(volume).key_id, near_key_.id) << name;
    }
    for (const std::string& name : {std::string("alias/other"), far_key_.id, std::string("x")}) {
        expect_refused(error_code::invalid_parameter_value, [&] {
            create({.size = Bytes::gibibytes(1),
                    .encryption = {.encrypted = true, .kms_key_id = name}});
        });
    }
    expect_refused("InvalidParameterDependency", [&] {
        create({.size = Bytes::gibibytes(1), .encryption = {.kms_key_id = "alias/aws/ebs"}});
    });
}

TEST_F(EncryptionTest, requests_are_refused_while_a_key_that_is_needed_is_gone) {
    const SnapshotId source = clear_snapshot();
    create({.size = Bytes::gibibytes(1), .encryption = {.encrypted = true}});
    host().remove_secret(near_key_.id);
    const launcher::EncryptionRequest encrypted{.encrypted = true};
    expect_refused(error_code::internal_error,
                   [&] { create({.size = Bytes::gibibytes(1), .encryption = encrypted}); });
    expect_refused(error_code::internal_error,
                   [&] { copy(caller(), "local-1", source, encrypted); });
    host().define_secret({.id = near_key_.id, .passphrase = near_key_.passphrase});
    EXPECT_EQ(snapshot_now(copy(caller(), "local-1", source, encrypted)).state,
              SnapshotState::completed);
}

TEST_F(EncryptionTest, a_key_that_is_gone_and_that_nothing_needs_is_made_anew) {
    host().remove_secret(near_key_.id);
    const VolumeId volume =
        create({.size = Bytes::gibibytes(1), .encryption = {.encrypted = true}});
    const std::string key = key_in("local-1")->id;
    EXPECT_NE(key, near_key_.id);
    EXPECT_EQ(volume_now(volume).key_id, key);
    EXPECT_EQ(volume_now(volume).state, VolumeState::available);
}

TEST_F(EncryptionTest, a_copy_fails_and_leaves_nothing_when_the_key_goes_meanwhile) {
    const SnapshotId source = clear_snapshot();
    const auto layers = layer_count();
    host().fail_second("secret_passphrase", Error(error_code::internal_error, "", "no such key"));
    const SnapshotId id = copy(caller(), "local-1", source, {.encrypted = true});
    EXPECT_EQ(snapshot_now(id).state, SnapshotState::error);
    EXPECT_THAT(snapshot_now(id).state_message, HasSubstr("no such key"));
    EXPECT_EQ(layer_count(), layers);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(EncryptionTest, nothing_is_made_in_clear_when_its_key_was_not_made) {
    EXPECT_EQ(launcher::needed_key(near_key_.id, caller()), near_key_.id);
    EXPECT_EQ(error_code_of([&] { launcher::needed_key(std::nullopt, caller()); }),
              error_code::unavailable);
    images::Caller dry = caller();
    dry.dry_run = true;
    EXPECT_EQ(launcher::needed_key(std::nullopt, dry), std::nullopt);
}

TEST_F(EncryptionTest, a_request_that_is_refused_makes_no_key) {
    host().remove_secret(near_key_.id);
    const SnapshotId unknown = SnapshotId::generate();
    expect_refused("InvalidSnapshot.NotFound",
                   [&] { copy(caller(), "local-1", unknown, {.encrypted = true}); });
    expect_refused("InvalidSnapshot.NotFound",
                   [&] { create({.snapshot = unknown, .encryption = {.encrypted = true}}); });
    EXPECT_EQ(key_in("local-1")->id, near_key_.id);
}

TEST_F(EncryptionTest, a_volume_that_libvirt_interrupted_is_made_at_the_next_start) {
    const VolumeId original = create_empty();
    write_to(original, marker);
    const SnapshotId source = snap(original);
    host().fail_second("secret_passphrase", Error(error_code::unavailable, "", "libvirtd is down"));
    const VolumeId volume = create({.snapshot = source, .encryption = {.encrypted = true}});
    EXPECT_EQ(volume_now(volume).state, VolumeState::creating);
    const LayerId source_layer = snapshot_now(source).layer.value();
    launcher().delete_snapshot(caller(), source);
    launcher().delete_volume(caller(), original);
    settle();

    stop_service();
    start_service();
    EXPECT_EQ(volume_now(volume).state, VolumeState::available);
    EXPECT_THAT(content_of(volume), HasSubstr(marker));
    EXPECT_EQ(layer_now(source_layer), std::nullopt) << "and is not kept in clear";
}

TEST_F(EncryptionTest, a_copy_that_libvirt_interrupted_goes_on_at_the_next_start) {
    const SnapshotId source = clear_snapshot();
    host().fail_second("secret_passphrase", Error(error_code::unavailable, "", "libvirtd is down"));
    const SnapshotId id = copy(caller(), "local-1", source, {.encrypted = true});
    EXPECT_EQ(snapshot_now(id).state, SnapshotState::pending);
    EXPECT_EQ(snapshot_now(id).key_id, near_key_.id) << "described as encrypted already";

    stop_service();
    start_service();
    EXPECT_EQ(snapshot_now(id).state, SnapshotState::completed);
    EXPECT_THAT(decrypted(regions().home(), snapshot_now(id).layer.value()), HasSubstr(marker));
}

TEST_F(EncryptionTest, a_withdrawn_copy_leaves_nothing) {
    const SnapshotId source = clear_snapshot();
    const auto layers = layer_count();
    host().fail_second("secret_passphrase", Error(error_code::unavailable, "", "libvirtd is down"));
    const SnapshotId id = copy(caller(), "local-1", source, {.encrypted = true});
    launcher().delete_snapshot(caller(), id);
    settle();
    EXPECT_EQ(layer_count(), layers);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(EncryptionTest, the_keys_of_a_region_go_with_it) {
    const SnapshotId far = copy(there(), "local-1", clear_snapshot(), {.encrypted = true});
    launcher().delete_snapshot(there(), far);
    settle();
    const std::filesystem::path directory = regions().get("local-2").pool.directory();
    regions().remove(administrator(), "local-2");
    EXPECT_EQ(host().secret_passphrase(far_key_.id), std::nullopt);
    EXPECT_EQ(key_in("local-2"), std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(directory));
    EXPECT_EQ(host().secret_passphrase(near_key_.id), near_key_.passphrase);
}

class FirstKeyTest : public VolumesFixture {};

TEST_F(FirstKeyTest, is_made_when_something_is_to_be_encrypted_but_not_by_a_dry_run) {
    images::Caller dry = caller();
    dry.dry_run = true;
    const launcher::CreateVolumeRequest wanted{
        .zone = "local-1a", .size = Bytes::gibibytes(1), .encryption = {.encrypted = true}};
    EXPECT_EQ(error_code_of([&] { launcher().create_volume(dry, wanted); }), "DryRunOperation");
    const auto known = [&] {
        return read([&](Session& session) {
            return images::encryption_keys_of_region(session, caller().region);
        });
    };
    EXPECT_TRUE(known().empty());

    const VolumeId volume = create(wanted);
    ASSERT_EQ(known().size(), 1U);
    EXPECT_EQ(volume_now(volume).key_id, known().at(0).id);
    EXPECT_TRUE(host().secret_passphrase(known().at(0).id).has_value());
    EXPECT_TRUE(pool().is_encrypted(volume_now(volume).layer.value()));
}

}  // namespace

}  // namespace kiln::tests
