#include <gmock/gmock.h>

#include "images/bundles/stored_image.hpp"
#include "images/catalog/store_image_task.hpp"
#include "images/catalog/usage.hpp"
#include "launcher/bundles/image_document.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::ImageState;
using images::StoreTaskState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A captured image of 4 MiB whose root holds a text, with an empty second disk.
class StoredImagesTest : public VolumesFixture {
  protected:
    StoredImagesTest() : image_(make_image()) {}

    ImageId make_image() {
        images::Layer base = layer();
        base.virtual_size = Bytes::mebibytes(4);
        pool().create_empty(base.id, base.virtual_size);
        pool().freeze(base.id);
        images::Snapshot root = snapshot(base.id);
        root.volume_size = base.virtual_size;
        images::Image small = image("small", root.id);
        small.block_devices.front().volume_size = base.virtual_size;
        small.block_devices.push_back(
            {.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(3), .encrypted = true});
        write([&](Session& session) {
            images::insert_layer(session, base);
            images::insert_snapshot(session, root);
            images::insert_image(session, small);
        });
        return small.id;
    }
    /// The image that was captured of an instance of image_, whose root has two layers.
    ImageId capture() {
        const InstanceId id = run_one({.image = image_, .instance_type = "t3.micro"});
        stop(id);
        for (const images::Volume& volume : volumes(id)) {
            if (volume.attachment->device_name == "/dev/sda1") write_to(volume.id, "on the root");
        }
        const ImageId made = launcher().create_image(
            caller(), {.instance = id,
                       .name = "captured",
                       .block_devices = {{.device_name = "/dev/sdf", .no_device = true}}});
        settle();
        launcher().terminate_instances(caller(), {id});
        settle();
        return made;
    }
    std::string store_image(const ImageId& id) {
        const std::string key = launcher().create_store_image_task(caller(), id, "images");
        settle();
        return key;
    }
    ImageId restore(const std::string& key, const std::string& name) {
        const ImageId id = launcher().create_restore_image_task(
            caller(), {.object = {.bucket = "images", .key = key}, .name = name});
        settle();
        return id;
    }
    images::StoreImageTask task_of(const ImageId& id) {
        return read(
            [&](Session& s) { return images::find_store_image_task(s, id, "images").value(); });
    }
    std::size_t stray_files() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(pool().directory()))
            count += entry.path().extension() == ".qcow2" ? 0 : 1;
        return count;
    }
    void damage(const std::string& key) {
        std::string bytes = store().get({.bucket = "images", .key = key},
                                        {.offset = Bytes{0}, .length = Bytes::mebibytes(1)});
        bytes[bytes.size() - 100] = static_cast<char>(bytes[bytes.size() - 100] ^ 1);
        const auto writer = store().put({.bucket = "images", .key = key});
        writer->write(bytes);
        writer->commit();
    }

    ImageId image_;
};

TEST_F(StoredImagesTest, an_image_is_stored_and_restored_with_its_content) {
    const ImageId captured = capture();
    const std::string key = store_image(captured);
    EXPECT_EQ(key, captured.str() + ".bin");
    EXPECT_EQ(task_of(captured).state, StoreTaskState::completed) << task_of(captured).failure;
    EXPECT_EQ(stray_files(), 0U);
    launcher().deregister_image(caller(), captured, true);

    const ImageId restored = restore(key, "restored");
    const images::Image made = image_now(restored);
    EXPECT_EQ(made.state, ImageState::available) << made.state_reason;
    EXPECT_EQ(made.name, "restored");
    EXPECT_EQ(made.login_user, "admin");
    EXPECT_EQ(made.root_device_name, "/dev/sda1");
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
    const InstanceId id = run_one({.image = restored, .instance_type = "t3.micro"});
    EXPECT_THAT(content_of(volumes(id).at(0).id), HasSubstr("on.the.root"));
}

TEST_F(StoredImagesTest, devices_without_a_snapshot_come_along_and_the_name_is_kept) {
    const std::string key = store_image(image_);
    EXPECT_EQ(error_code_of([&] { restore(key, ""); }), "InvalidAMIName.Duplicate");
    launcher().deregister_image(caller(), image_, true);
    const images::Image made = image_now(restore(key, ""));
    EXPECT_EQ(made.name, "small");
    ASSERT_THAT(made.block_devices, SizeIs(2));
    EXPECT_EQ(made.block_devices.at(1).device_name, "/dev/sdf");
    EXPECT_EQ(made.block_devices.at(1).volume_size, Bytes::gibibytes(3));
    EXPECT_FALSE(made.block_devices.at(1).snapshot);
    EXPECT_TRUE(made.block_devices.at(1).encrypted);
}

TEST_F(StoredImagesTest, tags_come_along_beneath_those_of_the_request) {
    write([&](Session& session) {
        images::set_tags(session, scope(), image_.str(),
                         {{.key = "Name", .value = "stored"}, {.key = "Stage", .value = "test"}});
    });
    const std::string key = store_image(image_);
    const ImageId id = launcher().create_restore_image_task(
        caller(), {.object = {.bucket = "images", .key = key},
                   .name = "restored",
                   .image_tags = {{.key = "Name", .value = "asked for"}}});
    settle();
    std::vector<std::string> tags;
    for (const images::Tag& tag : read([&](Session& session) {
             return images::tags_by_resource(session, scope()).at(id.str());
         }))
        tags.push_back(tag.key + "=" + tag.value);
    EXPECT_THAT(tags, testing::UnorderedElementsAre("Name=asked for", "Stage=test"));
}

TEST_F(StoredImagesTest, an_object_that_is_gone_is_charged_no_more) {
    const std::string key = store_image(image_);
    store().remove({.bucket = "images", .key = key});
    expect_refused("NoSuchBucket", [&] {
        launcher().delete_stored_image(caller(), {.bucket = "images", .key = key});
    });
    const auto usage = read([&](Session& session) {
        return images::list_usage(session, caller().account,
                                  {.since = Time{}, .until = from_epoch_ms(1LL << 50)});
    });
    EXPECT_TRUE(std::ranges::none_of(usage, [](const images::UsageRecord& record) {
        return record.usage.kind == images::UsageKind::bundle && !record.ended;
    }));
}

TEST_F(StoredImagesTest, a_damaged_object_fails_and_leaves_nothing) {
    const std::string key = store_image(image_);
    damage(key);
    const std::size_t layers = layer_count();
    const ImageId failed = restore(key, "failed");
    EXPECT_EQ(image_now(failed).state, ImageState::failed);
    EXPECT_THAT(image_now(failed).state_reason, HasSubstr("damaged"));
    EXPECT_THAT(image_now(failed).block_devices, IsEmpty());
    EXPECT_EQ(layer_count(), layers);
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(StoredImagesTest, what_a_stop_cut_off_goes_on_at_the_next_start) {
    launcher().create_store_image_task(caller(), image_, "images");
    stop_service();
    start_service();
    EXPECT_EQ(task_of(image_).state, StoreTaskState::completed) << task_of(image_).failure;
    const ImageId id = launcher().create_restore_image_task(
        caller(), {.object = {.bucket = "images", .key = image_.str() + ".bin"}, .name = "again"});
    stop_service();
    start_service();
    EXPECT_EQ(image_now(id).state, ImageState::available) << image_now(id).state_reason;
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(StoredImagesTest, a_restoration_is_canceled_by_deregistering) {
    const std::string key = store_image(image_);
    const std::size_t layers = layer_count();
    const ImageId id = launcher().create_restore_image_task(
        caller(), {.object = {.bucket = "images", .key = key}, .name = "canceled"});
    launcher().deregister_image(caller(), id, true);
    settle();
    EXPECT_EQ(image_now(id).state, ImageState::deregistered);
    EXPECT_EQ(layer_count(), layers);
    EXPECT_EQ(stray_files(), 0U);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(StoredImagesTest, requests_that_cannot_be_are_refused) {
    const std::string key = store_image(image_);
    expect_refused("InvalidParameterValue", [&] { store_image(image_); });
    const images::Caller other{.account = stranger().owner, .region = caller().region};
    expect_refused("AccessDenied", [&] {
        launcher().create_restore_image_task(
            other, {.object = {.bucket = "images", .key = key}, .name = "stolen"});
    });
    expect_refused("AccessDenied", [&] {
        launcher().delete_stored_image(other, {.bucket = "images", .key = key});
    });
    expect_refused("InvalidAMIID.NotFound",
                   [&] { launcher().create_store_image_task(other, image_, "theirs"); });
    expect_refused("NoSuchKey", [&] { restore("nothing.bin", "name"); });
    launcher().delete_stored_image(caller(), {.bucket = "images", .key = key});
    EXPECT_EQ(error_code_of([&] { restore(key, "name"); }), "NoSuchBucket");
}

TEST_F(StoredImagesTest, a_document_is_read_as_hostile_input) {
    const std::string good =
        launcher::to_document(image_now(image_), {{.key = "Name", .value = "tagged"}}, "");
    EXPECT_EQ(launcher::parse_document(good, 1).image.name, "small");
    const auto code_of = [](const std::string& document, std::size_t files) {
        return error_code_of([&] { launcher::parse_document(document, files); });
    };
    EXPECT_EQ(code_of(good, 2), "InvalidImageFile");
    const std::vector<std::pair<std::string, std::string>> changes{
        {"\"small\"", "7"},
        {"\"small\"", "\"x\""},
        {"\"admin\"", "\"-oProxyCommand=x\""},
        {"\"/dev/sdf\"", "\"/dev/sda1\""},
        {"\"/dev/sdf\"", "\"../../etc\""},
        {"\"x86_64\"", "\"vax\""},
        {"\"version\":1", "\"version\":2"},
        {"\"is_file\":true", "\"is_file\":false"},
        {"3221225472", "32212254720000000"},
        {"3221225472", "-1"},
        {"3221225472", "0"},
        {"\"gp3\"", "\"floppy\""},
        {"\"virtual_name\":\"\"", "\"virtual_name\":\"ephemeral99\""},
        {"\"delete_on_termination\":true", "\"delete_on_termination\":1"},
        {"\"encrypted\":false", "\"encrypted\":true"},
        {"\"Name\"", "\"aws:Name\""},
        {"\"tagged\"", "7"}};
    for (const auto& [from, to] : changes) {
        std::string changed = good;
        ASSERT_NE(changed.find(from), std::string::npos) << from;
        changed.replace(changed.find(from), from.size(), to);
        EXPECT_EQ(code_of(changed, 1), "InvalidImageFile") << changed;
    }
    for (const char* document : {"", "{}", "[]", "null", "\xff"})
        EXPECT_EQ(code_of(document, 1), "InvalidImageFile") << document;
}

}  // namespace

}  // namespace kiln::tests
