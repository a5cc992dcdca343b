#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/file.hpp"
#include "hypervisor/firmware/firmware.hpp"
#include "images/bundles/bundle.hpp"
#include "images/bundles/frame.hpp"
#include "images/catalog/bundle_task.hpp"
#include "images/catalog/encryption_key.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/catalog/unpacked_image.hpp"
#include "images/catalog/usage.hpp"
#include "images/firmware/uefi_data.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"
#include "launcher/instances/instance_rows.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::BundleTaskState;
using images::DeviceType;
using images::ImageState;
using images::InstanceState;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* location = "images/web.manifest.xml";

/// A running EBS-backed instance whose root holds a text, and what is bundled of it.
class BundlesTest : public VolumesFixture {
  protected:
    BundlesTest() : instance_(run_one({.image = small_image(), .instance_type = "t3.micro"})) {
        stop(instance_);
        write_to(root(), "on the root");
        launcher().start_instances(caller(), {instance_});
        settle();
    }

    /// Of 4 MiB, which is bundled in an instant.
    ImageId small_image() {
        images::Layer base = layer();
        base.virtual_size = Bytes::mebibytes(4);
        pool().create_empty(base.id, base.virtual_size);
        pool().freeze(base.id);
        images::Snapshot snapshot_of_it = snapshot(base.id);
        snapshot_of_it.volume_size = base.virtual_size;
        images::Image made = image("small", snapshot_of_it.id);
        made.block_devices.front().volume_size = base.virtual_size;
        write([&](Session& session) {
            images::insert_layer(session, base);
            images::insert_snapshot(session, snapshot_of_it);
            images::insert_image(session, made);
        });
        return made.id;
    }
    ImageId capture() {
        const ImageId image =
            launcher().create_image(caller(), {.instance = instance_, .name = "captured"});
        settle();
        return image;
    }
    ImageId convert_to_bundle(const ImageId& source, const std::string& name) {
        return launcher().convert_image(
            caller(), {.source = source,
                       .name = name,
                       .bundle = images::ObjectPrefix{.bucket = "images", .prefix = "web"}});
    }
    VolumeId root() { return volumes(instance_).at(0).id; }
    images::BundleTaskId bundle(const std::string& prefix = "web") {
        const auto task = launcher().bundle_instance(
            caller(), {.instance = instance_, .bundle = {.bucket = "images", .prefix = prefix}});
        settle();
        return task.id;
    }
    images::BundleTask task_now(const images::BundleTaskId& id) {
        return read([&](Session& s) { return images::find_bundle_task(s, id).value(); });
    }
    ImageId register_bundle(const std::string& name = "bundled") {
        return launcher().register_image(caller(), {.name = name, .location = location});
    }
    InstanceId launch(const ImageId& image, const std::string& type = "t3.micro") {
        return run_one({.image = image, .instance_type = type});
    }
    std::vector<std::string> objects() {
        std::vector<std::string> keys;
        for (const auto& object : store().list({.bucket = "images", .prefix = ""}))
            keys.push_back(object.key);
        return keys;
    }
    bool bucket_is_empty() {
        return error_code_of([&] { store().list({.bucket = "images", .prefix = ""}); }) ==
               "NoSuchBucket";
    }
    std::size_t charged_bundles() {
        return read([&](Session& s) {
            const auto usage = images::list_usage(
                s, caller().account, {.since = Time{}, .until = from_epoch_ms(1LL << 50)});
            return std::ranges::count_if(usage, [](const images::UsageRecord& record) {
                return record.usage.kind == images::UsageKind::bundle && !record.ended;
            });
        });
    }
    /// A bundle's manifest that says what the file is, without any part.
    void put_manifest(Bytes size) {
        images::BundleManifest manifest =
            images::read_manifest(store(), {.bucket = "images", .key = "web.manifest.xml"}, size);
        const images::BundlePart part = manifest.parts.front();
        manifest.size = size;
        manifest.parts.clear();
        for (std::size_t i = 0; i < images::count_frames(size); ++i) {
            manifest.parts.push_back(part);
            manifest.parts.back().filename = fmt::format("web.part.{:04}", i);
        }
        manifest.bundled_size = {part.size.value * manifest.parts.size()};
        const auto writer = store().put({.bucket = "images", .key = "web.manifest.xml"});
        writer->write(images::to_xml(manifest));
        writer->commit();
    }
    std::size_t stray_files() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(pool().directory()))
            count += entry.path().extension() == ".qcow2" ? 0 : 1;
        return count;
    }

    InstanceId instance_;
};

TEST_F(BundlesTest, a_bundle_says_what_its_guests_need) {
    write([&](Session& session) {
        images::Instance instance = images::find_instance(session, instance_).value();
        instance.platform = images::windows_platform;
        instance.os_id = "win11";
        instance.drivers = images::virtio_disk_driver;
        instance.boot_mode = images::BootMode::uefi;
        instance.tpm_support = images::tpm_2_0;
        instance.secure_boot = true;
        images::update_instance(session, instance, now());
    });
    bundle();
    const images::Image image = image_now(register_bundle());
    EXPECT_EQ(image.platform, images::windows_platform);
    EXPECT_EQ(image.os_id, "win11");
    EXPECT_EQ(image.drivers, images::virtio_disk_driver);
    EXPECT_EQ(image.boot_mode, images::BootMode::uefi);
    EXPECT_EQ(image.tpm_support, images::tpm_2_0);
    EXPECT_TRUE(image.secure_boot);
}

TEST_F(BundlesTest, a_bundle_of_a_running_instance_becomes_an_image_that_boots_from_its_content) {
    const LayerId before = volume_now(root()).layer.value();
    const auto task = bundle();
    EXPECT_EQ(task_now(task).state, BundleTaskState::complete) << task_now(task).error_message;
    EXPECT_EQ(host().calls().back(), "snapshot_disks " + instance_.str());
    EXPECT_NE(volume_now(root()).layer, before) << "the guest goes on in an overlay";
    EXPECT_EQ(open_operation_count(), 0U);
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(charged_bundles(), 1U);

    const ImageId image = register_bundle();
    const images::Image described = image_now(image);
    EXPECT_EQ(described.root_device_type, DeviceType::instance_store);
    EXPECT_EQ(described.location, location);
    EXPECT_EQ(described.root_device_name, "/dev/sda1");
    EXPECT_EQ(described.login_user, "admin");

    const InstanceId launched = launch(image);
    EXPECT_EQ(state(launched), InstanceState::running);
    EXPECT_THAT(content_of(volumes(launched).at(0).id), HasSubstr("on.the.root"));
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_THAT(read([&](Session& s) { return images::list_volumes(s, scope()); }), SizeIs(1))
        << "ephemeral disks are nobody's volumes";
}

TEST_F(BundlesTest, an_image_is_unpacked_once_and_its_layer_goes_with_it) {
    bundle();
    const ImageId image = register_bundle();
    const std::size_t before = layer_count();
    const auto reservation = launcher().run_instances(
        caller(), {.image = image, .instance_type = "t3.nano", .min_count = 3, .max_count = 3});
    settle();
    EXPECT_EQ(layer_count(), before + 4) << "one that was unpacked, and an overlay each";
    for (const images::Instance& instance : reservation.instances)
        EXPECT_EQ(state(instance.id), InstanceState::running);

    launcher().deregister_image(caller(), image, false);
    EXPECT_EQ(layer_count(), before + 4) << "instances stand on it";
    for (const images::Instance& instance : reservation.instances)
        launcher().terminate_instances(caller(), {instance.id});
    settle();
    EXPECT_EQ(layer_count(), before);
}

TEST_F(BundlesTest, an_instance_of_it_cannot_stop_and_what_ends_it_terminates_it) {
    bundle();
    const ImageId image = register_bundle();
    const InstanceId id = launch(image);
    EXPECT_THAT(error_message_of([&] { launcher().stop_instances(caller(), {id}, false); }),
                HasSubstr("does not have an 'ebs' root device type and cannot be stopped"));
    expect_refused("UnsupportedOperation", [&] { launcher().start_instances(caller(), {id}); });
    expect_refused("UnsupportedOperation", [&] {
        launcher().create_image(caller(), {.instance = id, .name = "captured"});
    });
    const std::vector<launcher::ModifyInstanceAttributeRequest> changes{
        {.instance = id, .instance_type = "t3.small"},
        {.instance = id, .user_data = ""},
        {.instance = id, .shutdown_behavior = images::ShutdownBehavior::stop}};
    for (const auto& change : changes) {
        expect_refused("UnsupportedOperation",
                       [&] { launcher().modify_instance_attribute(caller(), change); });
    }
    expect_refused("InvalidParameterCombination", [&] {
        launcher().run_instances(caller(), {.image = image,
                                            .instance_type = "t3.nano",
                                            .shutdown_behavior = images::ShutdownBehavior::stop});
    });
    expect_refused("InvalidBlockDeviceMapping", [&] {
        launcher().run_instances(
            caller(),
            {.image = image,
             .instance_type = "t3.nano",
             .block_devices = {{.device_name = "/dev/sda1", .volume_size = Bytes::gibibytes(9)}}});
    });
    const std::size_t layers = layer_count();
    host().guest_powers_off(id.str());
    settle();
    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_EQ(layer_count(), layers - 1);
}

TEST_F(BundlesTest, ephemeral_disks_are_lost_when_their_instance_stops) {
    const InstanceId id = run_one({.image = golden(), .instance_type = "m5d.large"});
    const auto disk = [&] {
        for (const images::Volume& volume : volumes(id)) {
            if (volume.storage == DeviceType::instance_store) return volume;
        }
        throw std::runtime_error("there is none");
    };
    EXPECT_EQ(disk().virtual_name, "ephemeral0");
    EXPECT_EQ(disk().size, Bytes::gibibytes(75));
    EXPECT_TRUE(guest_has(id, disk().id));
    const LayerId first = disk().layer.value();
    expect_refused("InvalidVolume.NotFound",
                   [&] { launcher().detach_volume(caller(), {.volume = disk().id}); });
    expect_refused("InvalidVolume.NotFound",
                   [&] { launcher().create_snapshot(caller(), {.volume = disk().id}); });
    const ImageId image = launcher().create_image(caller(), {.instance = id, .name = "captured"});
    settle();
    EXPECT_EQ(image_now(image).block_devices.front().virtual_name, "");
    EXPECT_THAT(image_now(image).block_devices, SizeIs(2));

    stop(id);
    EXPECT_FALSE(pool().exists(first));
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), InstanceState::running);
    EXPECT_NE(disk().layer, first);
    EXPECT_TRUE(pool().exists(disk().layer.value()));
    EXPECT_TRUE(guest_has(id, disk().id));
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(BundlesTest, a_stopped_instance_has_the_ephemeral_disks_of_its_new_type) {
    host().set_memory(Bytes::gibibytes(256));
    const InstanceId id = run_one({.image = golden(), .instance_type = "m5d.4xlarge"});
    const auto as = [&](const std::string& type) {
        if (state(id) == InstanceState::running) stop(id);
        launcher().modify_instance_attribute(caller(), {.instance = id, .instance_type = type});
        std::vector<std::string> disks;
        for (const images::Volume& volume : volumes(id)) {
            if (volume.storage != DeviceType::instance_store) continue;
            disks.push_back(fmt::format("{} {} {}", volume.attachment->device_name,
                                        volume.virtual_name, volume.size.in_gibibytes()));
        }
        return disks;
    };
    stop(id);
    const std::size_t layers = layer_count();
    EXPECT_THAT(as("t3.nano"), IsEmpty());
    EXPECT_EQ(layer_count(), layers - 2);
    EXPECT_THAT(as("m5d.4xlarge"),
                ElementsAre("/dev/sdb ephemeral0 300", "/dev/sdc ephemeral1 300"));
    EXPECT_THAT(as("m5d.large"), ElementsAre("/dev/sdb ephemeral0 75"));
    EXPECT_EQ(layer_count(), layers - 1);

    launcher().start_instances(caller(), {id});
    settle();
    ASSERT_EQ(state(id), InstanceState::running);
    const auto now_there = volumes(id);
    ASSERT_THAT(now_there, SizeIs(2));
    EXPECT_TRUE(guest_has(id, now_there.back().id) && guest_has(id, now_there.front().id));
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(layer_count(), layers - 3);
}

TEST_F(BundlesTest, ephemeral_disks_end_with_their_instance_whatever_their_mapping_says) {
    images::Image kept = image_now(golden());
    kept.id = ImageId::generate();
    kept.name = "kept";
    kept.block_devices.push_back({.device_name = "/dev/sdb",
                                  .volume_type = "",
                                  .delete_on_termination = false,
                                  .virtual_name = "ephemeral0"});
    write([&](Session& session) { images::insert_image(session, kept); });
    const std::size_t layers = layer_count();
    const InstanceId id = run_one({.image = kept.id, .instance_type = "m5d.large"});
    ASSERT_EQ(layer_count(), layers + 2);
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_EQ(layer_count(), layers);
    EXPECT_THAT(host().calls(), Not(Contains("request_shutdown " + id.str())))
        << "nothing is kept that it would have to flush";
}

TEST_F(BundlesTest, a_canceled_task_leaves_nothing) {
    const auto task = launcher().bundle_instance(
        caller(), {.instance = instance_, .bundle = {.bucket = "images", .prefix = "web"}});
    launcher().cancel_bundle_task(caller(), task.id);
    settle();
    EXPECT_EQ(task_now(task.id).state, BundleTaskState::failed);
    EXPECT_EQ(task_now(task.id).error_code, "Client.Cancelled");
    EXPECT_TRUE(bucket_is_empty());
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
    EXPECT_EQ(charged_bundles(), 0U);
    EXPECT_EQ(error_code_of([&] { launcher().cancel_bundle_task(caller(), task.id); }),
              "IncorrectState");
    EXPECT_EQ(task_now(bundle()).state, BundleTaskState::complete) << "the prefix is free again";
}

TEST_F(BundlesTest, a_capture_that_fails_ends_the_task_with_its_cause) {
    host().fail_next("snapshot_disks", Error("InternalError", "", "a block job is running"));
    const auto task = bundle();
    EXPECT_EQ(task_now(task).state, BundleTaskState::failed);
    EXPECT_THAT(task_now(task).error_message, HasSubstr("a block job is running"));
    EXPECT_TRUE(bucket_is_empty());
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(BundlesTest, a_task_that_a_crash_cut_off_while_it_stored_is_done_again) {
    const auto task = launcher().bundle_instance(
        caller(), {.instance = instance_, .bundle = {.bucket = "images", .prefix = "web"}});
    stop_service();
    // What an earlier try may have left.
    const auto part = store().put({.bucket = "images", .key = "web.part.9999"});
    part->write("half");
    part->commit();
    write_file_atomically(pool().directory() / (task.id.str() + ".raw"), "half", 0600);
    start_service();
    EXPECT_EQ(task_now(task.id).state, BundleTaskState::complete)
        << task_now(task.id).error_message;
    EXPECT_THAT(objects(), testing::Not(testing::Contains("web.part.9999")));
    EXPECT_EQ(stray_files(), 0U);
}

TEST_F(BundlesTest, a_damaged_bundle_is_not_registered_and_one_damaged_later_does_not_launch) {
    bundle();
    const ImageId image = register_bundle();
    const images::ObjectName part{.bucket = "images", .key = "web.part.0000"};
    const auto damaged = store().put(part);
    damaged->write("not what it was");
    damaged->commit();
    expect_refused("InvalidImageFile", [&] { register_bundle("second"); });
    const std::size_t layers = layer_count();
    const InstanceId id = launch(image);
    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_THAT(instance_now(id).state_reason.message, HasSubstr("is damaged"));
    EXPECT_EQ(layer_count(), layers);
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(BundlesTest, a_bucket_is_its_owners_alone) {
    bundle();
    const images::Caller other{.account = stranger().owner, .region = caller().region};
    expect_refused("AccessDenied", [&] {
        launcher().register_image(other, {.name = "stolen", .location = location});
    });
    expect_refused("AccessDenied", [&] { launcher().delete_bundle(other, location); });
    expect_refused("NoSuchBucket", [&] {
        launcher().register_image(caller(),
                                  {.name = "none", .location = "nothing/web.manifest.xml"});
    });
    expect_refused("InvalidInstanceID.NotFound", [&] {
        launcher().bundle_instance(
            other, {.instance = instance_, .bundle = {.bucket = "images", .prefix = "x"}});
    });
}

TEST_F(BundlesTest, a_bundle_is_deleted_when_no_image_has_it) {
    bundle();
    expect_refused("InvalidParameterValue", [&] { bundle(); });
    const ImageId image = register_bundle();
    expect_refused("DependencyViolation", [&] { launcher().delete_bundle(caller(), location); });
    launcher().deregister_image(caller(), image, false);
    launcher().delete_bundle(caller(), location);
    EXPECT_TRUE(bucket_is_empty());
    EXPECT_EQ(charged_bundles(), 0U);
    EXPECT_EQ(error_code_of([&] { launcher().delete_bundle(caller(), location); }), "NoSuchBucket");
}

TEST_F(BundlesTest, an_instance_store_image_becomes_ebs_backed_and_stops_like_one) {
    bundle();
    const ImageId image = register_bundle();
    const ImageId converted =
        launcher().convert_image(caller(), {.source = image,
                                            .name = "converted",
                                            .image_tags = {{.key = "Name", .value = "ebs"}},
                                            .snapshot_tags = {}});
    settle();
    const images::Image made = image_now(converted);
    EXPECT_EQ(made.state, ImageState::available) << made.state_reason;
    EXPECT_EQ(made.root_device_type, DeviceType::ebs);
    EXPECT_EQ(made.location, "");
    EXPECT_EQ(made.source_image, image);
    EXPECT_EQ(made.login_user, "admin");
    EXPECT_EQ(open_operation_count(), 0U);
    launcher().deregister_image(caller(), image, false);
    launcher().delete_bundle(caller(), location);

    const InstanceId id = launch(converted);
    EXPECT_THAT(content_of(volumes(id).at(0).id), HasSubstr("on.the.root"));
    stop(id);
    EXPECT_EQ(state(id), InstanceState::stopped);
}

TEST_F(BundlesTest, a_converted_image_and_its_snapshots_keep_the_product_codes) {
    const std::string code = images::new_product_code();
    make_account_of_stranger();
    bundle();
    const ImageId image = register_bundle();
    write([&](Session& s) {
        images::insert_product(
            s, {.code = code, .seller = stranger().owner, .name = "Web server", .created = now()},
            Decimal::parse("0.5").value());
        images::add_product_codes(s, image.str(), {code});
    });
    const ImageId converted =
        launcher().convert_image(caller(), {.source = image, .name = "converted"});
    settle();
    const auto codes_of = [&](const std::string& id) {
        return read([&](Session& s) { return images::product_codes_of(s, id); });
    };
    EXPECT_THAT(codes_of(converted.str()), ElementsAre(code));
    const SnapshotId root = image_now(converted).block_devices.front().snapshot.value();
    EXPECT_THAT(codes_of(root.str()), ElementsAre(code));
}

TEST_F(BundlesTest, an_ebs_backed_image_becomes_an_instance_store_image) {
    const ImageId source =
        launcher().create_image(caller(), {.instance = instance_, .name = "captured"});
    settle();
    const auto request = [&](const std::string& name) {
        return launcher::ConvertImageRequest{
            .source = source,
            .name = name,
            .bundle = images::ObjectPrefix{.bucket = "images", .prefix = "web"}};
    };
    const ImageId converted = launcher().convert_image(caller(), request("converted"));
    settle();
    EXPECT_EQ(image_now(converted).state, ImageState::available)
        << image_now(converted).state_reason;
    EXPECT_EQ(image_now(converted).location, location);
    EXPECT_EQ(charged_bundles(), 1U);
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_THAT(content_of(volumes(launch(converted)).at(0).id), HasSubstr("on.the.root"));
    expect_refused("InvalidParameterValue",
                   [&] { launcher().convert_image(caller(), request("again")); });
    expect_refused("InvalidParameterCombination", [&] {
        launcher().convert_image(caller(), {.source = source, .name = "ebs already"});
    });
    const images::Caller other{.account = stranger().owner, .region = caller().region};
    expect_refused("InvalidAMIID.NotFound",
                   [&] { launcher().convert_image(other, {.source = source, .name = "stolen"}); });
}

TEST_F(BundlesTest, a_conversion_is_canceled_by_deregistering_and_a_failed_one_leaves_nothing) {
    bundle();
    const ImageId image = register_bundle();
    const ImageId canceled =
        launcher().convert_image(caller(), {.source = image, .name = "canceled"});
    // It may be done already; then it is an image like any other.
    launcher().deregister_image(caller(), canceled, true);
    settle();
    EXPECT_EQ(image_now(canceled).state, ImageState::deregistered);
    EXPECT_EQ(open_operation_count(), 0U);

    launcher().deregister_image(caller(), image, false);
    const ImageId again = register_bundle("again");
    const auto damaged = store().put({.bucket = "images", .key = "web.part.0000"});
    damaged->write("not what it was");
    damaged->commit();
    const std::size_t layers = layer_count();
    const ImageId failed = launcher().convert_image(caller(), {.source = again, .name = "failed"});
    settle();
    EXPECT_EQ(image_now(failed).state, ImageState::failed);
    EXPECT_THAT(image_now(failed).state_reason, HasSubstr("is damaged"));
    EXPECT_EQ(layer_count(), layers);
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(BundlesTest, a_conversion_that_a_stop_cut_off_goes_on_at_the_next_start) {
    const ImageId source =
        launcher().create_image(caller(), {.instance = instance_, .name = "captured"});
    settle();
    const ImageId converted = launcher().convert_image(
        caller(), {.source = source,
                   .name = "converted",
                   .bundle = images::ObjectPrefix{.bucket = "images", .prefix = "web"}});
    stop_service();
    start_service();
    EXPECT_EQ(image_now(converted).state, ImageState::available)
        << image_now(converted).state_reason;
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(BundlesTest, a_conversion_keeps_its_prefix_from_other_writers) {
    const ImageId source = capture();
    std::string second_conversion;
    std::string bundling;
    store().before_next_put([&] {
        second_conversion = error_code_of([&] { convert_to_bundle(source, "second"); });
        bundling = error_code_of([&] {
            launcher().bundle_instance(
                caller(), {.instance = instance_, .bundle = {.bucket = "images", .prefix = "web"}});
        });
    });
    const ImageId first = convert_to_bundle(source, "first");
    settle();
    EXPECT_EQ(second_conversion, "InvalidParameterValue");
    EXPECT_EQ(bundling, "InvalidParameterValue");
    EXPECT_EQ(image_now(first).state, ImageState::available) << image_now(first).state_reason;
    EXPECT_EQ(state(launch(first)), InstanceState::running);
}

TEST_F(BundlesTest, a_canceled_conversion_keeps_its_prefix_until_it_has_cleaned_up) {
    const ImageId source = capture();
    std::string again;
    store().before_next_put([&] {
        const auto pending = read([&](Session& session) {
            return images::images_at_location(session, location).front();
        });
        launcher().deregister_image(caller(), pending, false);
        again = error_code_of([&] { convert_to_bundle(source, "again"); });
    });
    convert_to_bundle(source, "canceled");
    settle();
    EXPECT_EQ(again, "InvalidParameterValue");
    EXPECT_TRUE(bucket_is_empty());
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
    const ImageId later = convert_to_bundle(source, "later");
    settle();
    EXPECT_EQ(image_now(later).state, ImageState::available) << image_now(later).state_reason;
}

TEST_F(BundlesTest, a_canceled_conversion_is_cleaned_up_after_a_stop_too) {
    const ImageId source = capture();
    std::optional<images::Operation> operation;
    store().before_next_put([&] {
        operation = read([](Session& session) { return images::open_operations(session).front(); });
    });
    const ImageId canceled = convert_to_bundle(source, "canceled");
    settle();
    stop_service();
    write([&](Session& session) {
        images::set_image_state(session, canceled, ImageState::deregistered);
        images::insert_operation(session, operation.value());
    });
    start_service();
    EXPECT_EQ(image_now(canceled).state, ImageState::deregistered);
    EXPECT_TRUE(bucket_is_empty());
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(BundlesTest, a_bundle_that_a_crash_left_complete_is_published) {
    std::optional<images::Operation> operation;
    store().before_next_put([&] {
        operation = read([](Session& session) { return images::open_operations(session).front(); });
    });
    const auto id = bundle();
    stop_service();
    images::BundleTask cut_off = task_now(id);
    cut_off.state = BundleTaskState::storing;
    const images::Layer pinned = layer();
    pool().create_empty(pinned.id, Bytes::mebibytes(4));
    pool().freeze(pinned.id);
    write([&](Session& session) {
        images::update_bundle_task(session, cut_off);
        images::insert_layer(session, pinned);
        images::insert_operation(session, operation.value());
        images::pin_layer(session, operation->id, pinned.region, pinned.id);
    });
    const auto before = objects();
    start_service();
    EXPECT_EQ(task_now(id).state, BundleTaskState::complete) << task_now(id).error_message;
    EXPECT_EQ(objects(), before);
    EXPECT_EQ(open_operation_count(), 0U);
    EXPECT_EQ(state(launch(register_bundle())), InstanceState::running);
}

TEST_F(BundlesTest, a_bundle_that_is_being_written_is_neither_registered_nor_deleted) {
    std::string registering;
    std::string deleting;
    store().before_next_put([&] {
        registering = error_code_of([&] { register_bundle(); });
        deleting = error_code_of([&] { launcher().delete_bundle(caller(), location); });
    });
    const auto task = bundle();
    EXPECT_EQ(registering, "IncorrectState");
    EXPECT_EQ(deleting, "IncorrectState");
    EXPECT_EQ(task_now(task).state, BundleTaskState::complete) << task_now(task).error_message;
}

TEST_F(BundlesTest, a_bundle_that_is_gone_is_charged_no_more) {
    bundle();
    images::remove_bundle(store(), {.bucket = "images", .key = "web.manifest.xml"});
    expect_refused("NoSuchBucket", [&] { launcher().delete_bundle(caller(), location); });
    EXPECT_EQ(charged_bundles(), 0U);
}

TEST_F(BundlesTest, unpacking_keeps_the_reserve_whatever_a_bundle_unpacks_to) {
    bundle();
    const ImageId image = register_bundle();
    put_manifest(Bytes::gibibytes(10));
    stop_service();
    settings().free_space_reserve =
        Bytes{free_space(pool().directory()).value -
              std::min(free_space(pool().directory()).value, Bytes::gibibytes(5).value)};
    start_service();
    const InstanceId id = launch(image);
    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_THAT(instance_now(id).state_reason.message, HasSubstr("kept in reserve"));
    EXPECT_EQ(stray_files(), 0U);
}

TEST_F(BundlesTest, a_bundle_that_is_too_large_to_be_registered_is_deleted) {
    bundle();
    put_manifest(Bytes::gibibytes(11));
    expect_refused("InvalidManifest", [&] { register_bundle(); });
    launcher().delete_bundle(caller(), location);
    EXPECT_TRUE(bucket_is_empty());
}

TEST_F(BundlesTest, a_layer_that_is_being_deleted_is_unpacked_anew) {
    bundle();
    const ImageId image = register_bundle();
    launcher().terminate_instances(caller(), {launch(image)});
    settle();
    const auto unpacked = [&] {
        return read([&](Session& s) { return images::unpacked_layer(s, image).value(); });
    };
    const LayerId first = unpacked();
    EXPECT_EQ(layer_now(first)->virtual_size, Bytes::mebibytes(4));
    write([&](Session& session) {
        images::set_layer_state(session, caller().region, first, images::LayerState::deleting);
    });
    pool().remove(first);
    const InstanceId id = launch(image);
    EXPECT_EQ(state(id), InstanceState::running) << instance_now(id).state_reason.message;
    EXPECT_NE(unpacked(), first);
}

TEST_F(BundlesTest, an_unpacked_layer_is_as_large_as_the_manifest_says) {
    bundle();
    const ImageId image = launcher().register_image(
        caller(), {.name = "bundled",
                   .location = location,
                   .block_devices = {{.device_name = "/dev/sda", .virtual_name = "ephemeral0"}}});
    launch(image);
    const LayerId layer =
        read([&](Session& s) { return images::unpacked_layer(s, image).value(); });
    EXPECT_EQ(layer_now(layer)->virtual_size, Bytes::mebibytes(4));
}

TEST_F(BundlesTest, a_root_that_has_grown_too_large_since_the_request_fails_the_task) {
    std::optional<images::Operation> operation;
    store().before_next_put([&] {
        operation = read([](Session& session) { return images::open_operations(session).front(); });
    });
    const auto id = bundle();
    stop_service();
    images::remove_bundle(store(), {.bucket = "images", .key = "web.manifest.xml"});
    images::BundleTask cut_off = task_now(id);
    cut_off.state = BundleTaskState::bundling;
    images::Layer grown = layer();
    grown.virtual_size = Bytes::gibibytes(11);
    pool().create_empty(grown.id, grown.virtual_size);
    pool().freeze(grown.id);
    write([&](Session& session) {
        images::update_bundle_task(session, cut_off);
        images::insert_layer(session, grown);
        images::insert_operation(session, operation.value());
        images::pin_layer(session, operation->id, grown.region, grown.id);
    });
    start_service();
    EXPECT_EQ(task_now(id).state, BundleTaskState::failed);
    EXPECT_THAT(task_now(id).error_message, HasSubstr("has 11 GiB"));
    EXPECT_TRUE(bucket_is_empty());
    EXPECT_EQ(stray_files(), 0U);
}

TEST_F(BundlesTest, the_manifest_describes_the_instance_as_it_was_when_it_was_captured) {
    std::optional<images::Operation> operation;
    store().before_next_put([&] {
        operation = read([](Session& session) { return images::open_operations(session).front(); });
    });
    const auto id = bundle();
    stop_service();
    images::remove_bundle(store(), {.bucket = "images", .key = "web.manifest.xml"});
    images::BundleTask cut_off = task_now(id);
    cut_off.state = BundleTaskState::bundling;
    images::Instance changed = instance_now(instance_);
    changed.login_user = "changed";
    const images::Layer pinned = layer();
    pool().create_empty(pinned.id, Bytes::mebibytes(4));
    pool().freeze(pinned.id);
    write([&](Session& session) {
        images::update_instance(session, changed, now());
        images::update_bundle_task(session, cut_off);
        images::insert_layer(session, pinned);
        images::insert_operation(session, operation.value());
        images::pin_layer(session, operation->id, pinned.region, pinned.id);
    });
    start_service();
    EXPECT_EQ(image_now(register_bundle()).login_user, "admin");
}

TEST_F(BundlesTest, what_an_ebs_backed_image_may_not_have_a_bundle_may_not_have_either) {
    bundle();
    expect_refused("InvalidParameterCombination", [&] {
        launcher().register_image(
            caller(), {.name = "with a kernel",
                       .location = location,
                       .kernel_id = images::pv_kernel_id("hd0", images::Architecture::x86_64)});
    });
    expect_refused("InvalidBlockDeviceMapping", [&] {
        launcher().register_image(
            caller(), {.name = "root", .location = location, .root_device_name = "../sda"});
    });
    const ImageId image = launcher().register_image(
        caller(),
        {.name = "with a volume",
         .location = location,
         .block_devices = {{.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(1)}}});
    for (const images::ImageBlockDevice& device : image_now(image).block_devices)
        EXPECT_TRUE(device.delete_on_termination) << device.device_name;

    images::Volume encrypted = volume_now(root());
    encrypted.key_id = "key";
    write([&](Session& session) {
        images::insert_encryption_key(session, {.id = *encrypted.key_id,
                                                .owner = caller().account,
                                                .region = caller().region,
                                                .created = now()});
        images::update_volume(session, encrypted, now());
    });
    EXPECT_EQ(error_code_of([&] { bundle("encrypted"); }), "UnsupportedOperation");
}

TEST_F(BundlesTest, the_variables_of_a_uefi_guest_go_along) {
    stop(instance_);
    images::Instance instance = instance_now(instance_);
    instance.boot_mode = images::BootMode::uefi;
    write([&](Session& session) { images::update_instance(session, instance, now()); });
    launcher().start_instances(caller(), {instance_});
    settle();
    bundle();
    const ImageId image = register_bundle();
    EXPECT_EQ(image_now(image).boot_mode, images::BootMode::uefi);
    EXPECT_EQ(read([&](Session& session) { return images::uefi_data_of(session, image); }),
              launcher().instance_uefi_data(caller(), instance_));

    // They are of a guest without it.
    const ImageId secure = launcher().register_image(
        caller(), {.name = "secure", .secure_boot = true, .location = location});
    EXPECT_TRUE(image_now(secure).secure_boot);
    EXPECT_EQ(read([&](Session& session) { return images::uefi_data_of(session, secure); }), "");
}

TEST_F(BundlesTest, the_variables_of_an_image_go_along_into_a_bundle_made_of_it) {
    const auto firmware = hypervisor::find_uefi_firmware(hypervisor::GuestArchitecture::x86_64);
    const std::string data = images::pack_uefi_data(
        {images::Architecture::x86_64, false, read_file(firmware.value().variables_template)});
    const ImageId image = launcher().register_image(
        caller(),
        {.name = "with variables",
         .boot_mode = images::BootMode::uefi,
         .uefi_data = data,
         .root_device_name = "/dev/sda1",
         .block_devices = {{.device_name = "/dev/sda1",
                            .snapshot = image_now(golden()).block_devices.at(0).snapshot}}});
    convert_to_bundle(image, "stored");
    settle();
    const ImageId registered = register_bundle();
    EXPECT_EQ(read([&](Session& session) { return images::uefi_data_of(session, registered); }),
              data);
}

TEST_F(BundlesTest, the_kernel_of_a_paravirtual_bundle_needs_no_virtualization_type) {
    images::Instance instance = instance_now(instance_);
    instance.virtualization_type = images::VirtualizationType::paravirtual;
    write([&](Session& session) { images::update_instance(session, instance, now()); });
    bundle();
    const std::string kernel = images::pv_kernel_id("hd0", images::Architecture::x86_64);
    const ImageId image = launcher().register_image(
        caller(), {.name = "named", .location = location, .kernel_id = kernel});
    EXPECT_EQ(image_now(image).virtualization_type, images::VirtualizationType::paravirtual);
    EXPECT_EQ(image_now(image).kernel_id, kernel);
    EXPECT_EQ(image_now(launcher().register_image(
                            caller(), {.name = "hvm",
                                       .virtualization_type = images::VirtualizationType::hvm,
                                       .location = location}))
                  .virtualization_type,
              images::VirtualizationType::hvm);
}

TEST_F(BundlesTest, requests_that_cannot_be_are_refused) {
    const auto with = [&](const std::string& bucket, const std::string& prefix) {
        return [this, bucket, prefix] {
            launcher().bundle_instance(
                caller(), {.instance = instance_, .bundle = {.bucket = bucket, .prefix = prefix}});
        };
    };
    expect_refused("InvalidBucketName", with("No Bucket", "web"));
    expect_refused("InvalidParameterValue", with("images", "../../etc"));
    expect_refused("InvalidParameterValue", [&] {
        launcher().register_image(caller(), {.name = "none", .location = "images/web.xml"});
    });
    EXPECT_TRUE(bucket_is_empty());
}

}  // namespace

}  // namespace kiln::tests
