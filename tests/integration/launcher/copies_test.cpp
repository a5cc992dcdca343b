#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/fd.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/copies/region_copy.hpp"
#include "launcher/instances/instance_rows.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::ImageState;
using images::SnapshotState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

ino_t inode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_ino;
}

/// Two regions: the home region, and one whose pool is on a file system of its own.
class CopiesTest : public VolumesFixture {
  protected:
    CopiesTest() {
        images::Caller administrator = caller();
        administrator.administrator = true;
        regions().create(administrator, {.name = "local-2", .pool = far_pool_directory_});
    }
    ~CopiesTest() override {
        stop_service();
        std::filesystem::remove_all(far_pool_directory_);
    }

    images::Caller there() const { return {.account = caller().account, .region = "local-2"}; }
    const images::Pool& far_pool() { return regions().get("local-2").pool; }
    launcher::CopyImageRequest copy_request(const std::string& name) const {
        return {.source_region = "local-1", .source = golden(), .name = name};
    }
    ImageId copy(const launcher::CopyImageRequest& wanted) {
        const ImageId id = launcher().copy_image(there(), wanted);
        settle();
        return id;
    }
    ImageId copy(const std::string& name) { return copy(copy_request(name)); }
    images::Snapshot root_of(const ImageId& id) {
        return snapshot_now(image_now(id).block_devices.at(0).snapshot.value());
    }
    std::vector<std::pair<std::string, std::string>> tags_of(const std::string& id) {
        std::vector<std::pair<std::string, std::string>> found;
        read([&](Session& session) {
            for (const auto& tag : images::list_tags(session, there().scope())) {
                if (tag.resource_id == id) found.emplace_back(tag.tag.key, tag.tag.value);
            }
        });
        return found;
    }
    void tag(const std::string& id, const images::Tag& tag) {
        write([&](Session& session) { images::set_tags(session, caller().scope(), id, {tag}); });
    }
    std::size_t far_row_count() {
        return read([](Session& session) { return images::all_layers(session, "local-2").size(); });
    }
    std::vector<LayerId> far_files() { return far_pool().files(); }
    /// Nothing of a copy is left there but what is given.
    void expect_far_layers(std::size_t count) {
        EXPECT_EQ(far_row_count(), count);
        EXPECT_THAT(far_files(), SizeIs(count));
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(far_pool_directory_), {}),
                  static_cast<std::ptrdiff_t>(count))
            << "no unfinished file";
        EXPECT_EQ(open_operation_count(), 0U);
    }
    /// Puts a pipe in the place of the layer's file: whoever opens it waits until release().
    void block_reader_of(const LayerId& layer) {
        blocked_ = pool().path_of(layer);
        std::filesystem::rename(blocked_, aside());
        ASSERT_EQ(::mkfifo(blocked_.c_str(), 0600), 0);
    }
    void wait_until_copied(const SnapshotId& snapshot) {
        while (!launcher().copied_percent(snapshot))
            std::this_thread::yield();
    }
    /// The copy goes on, and fails, since a pipe is no file. Waits until it has ended.
    void release() {
        const Fd pipe(::open(blocked_.c_str(), O_RDWR | O_CLOEXEC));  // does not wait for a reader
        settle();
    }
    void put_file_back() const { std::filesystem::rename(aside(), blocked_); }
    std::filesystem::path aside() const { return directory() / "aside.qcow2"; }

  private:
    std::filesystem::path far_pool_directory_ =
        std::filesystem::path("/dev/shm") / LayerId::generate().str();
    std::filesystem::path blocked_;
};

TEST_F(CopiesTest, a_copy_is_an_image_of_its_own_that_outlives_its_source) {
    const ImageId id = copy("copied");
    const images::Image image = image_now(id);
    EXPECT_EQ(image.state, ImageState::available);
    EXPECT_EQ(image.region, "local-2");
    EXPECT_EQ(image.name, "copied");
    EXPECT_EQ(image.source_image, golden());
    EXPECT_EQ(image.login_user, image_now(golden()).login_user);
    const images::Snapshot root = root_of(id);
    EXPECT_EQ(root.state, SnapshotState::completed);
    EXPECT_EQ(root.owner, caller().account);
    EXPECT_EQ(root.volume_size, Bytes::gibibytes(1));
    EXPECT_GT(root.stored_size, Bytes{0});
    EXPECT_THAT(root.description, HasSubstr("from SourceAmi " + golden().str()));

    launcher().deregister_image(caller(), golden(), true);
    EXPECT_THAT(pool().files(), IsEmpty());

    const auto reservation =
        launcher().run_instances(there(), {.image = id, .instance_type = "t3.micro"});
    settle();
    EXPECT_EQ(state(reservation.instances.at(0).id), images::InstanceState::running);
    EXPECT_THAT(far_files(), SizeIs(2));
}

TEST_F(CopiesTest, only_layers_that_the_target_lacks_are_sent) {
    const InstanceId instance = run_one();
    const ImageId sibling =
        launcher().create_image(caller(), {.instance = instance, .name = "sibling"});
    settle();
    copy("first");
    expect_far_layers(1);
    const auto base = far_pool().path_of(far_files().front());
    const ino_t before = inode_of(base);

    launcher::CopyImageRequest wanted = copy_request("second");
    wanted.source = sibling;
    const ImageId id = copy(wanted);

    expect_far_layers(2);
    EXPECT_EQ(inode_of(base), before) << "it was there";
    const LayerId top = root_of(id).layer.value();
    EXPECT_EQ(far_pool().parent_of(top), LayerId(base.stem().string()));
}

TEST_F(CopiesTest, a_copy_is_charged_for_layers_that_no_other_snapshot_is_charged_for) {
    const InstanceId instance = run_one();
    const ImageId sibling =
        launcher().create_image(caller(), {.instance = instance, .name = "sibling"});
    settle();
    launcher::CopyImageRequest wanted = copy_request("whole");
    wanted.source = sibling;
    const ImageId whole = copy(wanted);
    const auto size_of = [&](const LayerId& layer) { return far_pool().allocated_size(layer); };
    const LayerId top = root_of(whole).layer.value();
    const LayerId base = far_pool().parent_of(top).value();
    EXPECT_EQ(root_of(whole).stored_size, size_of(top) + size_of(base));

    EXPECT_EQ(root_of(copy("base alone")).stored_size, size_of(base));
    wanted.name = "again";
    EXPECT_EQ(root_of(copy(wanted)).stored_size, size_of(top)) << "the base is charged to another";
}

TEST_F(CopiesTest, tags_come_along_on_request_and_launch_permissions_never) {
    tag(golden().str(), {.key = "Stage", .value = "prod"});
    tag(golden().str(), {.key = "Name", .value = "old"});
    make_public(golden());
    EXPECT_THAT(tags_of(copy("without").str()), IsEmpty());

    launcher::CopyImageRequest wanted = copy_request("with");
    wanted.copy_image_tags = true;
    wanted.image_tags = {{.key = "Name", .value = "new"}};
    wanted.snapshot_tags = {{.key = "Of", .value = "snapshot"}};
    const ImageId id = copy(wanted);

    EXPECT_THAT(tags_of(id.str()), ElementsAre(Pair("Name", "new"), Pair("Stage", "prod")));
    EXPECT_THAT(tags_of(root_of(id).id.str()), ElementsAre(Pair("Of", "snapshot")));
    EXPECT_FALSE(image_now(id).is_public);
}

TEST_F(CopiesTest, copies_of_the_same_at_once_share_what_arrives) {
    std::vector<ImageId> ids;
    for (int i = 0; i < 6; ++i)
        ids.push_back(launcher().copy_image(there(), copy_request("copy " + std::to_string(i))));
    settle();
    for (const ImageId& id : ids)
        EXPECT_EQ(image_now(id).state, ImageState::available);
    expect_far_layers(1);
    for (const ImageId& id : ids)
        launcher().deregister_image(there(), id, true);
    expect_far_layers(0);
}

TEST_F(CopiesTest, a_copy_within_the_region_sends_nothing) {
    const ImageId id = launcher().copy_image(caller(), copy_request("near"));
    settle();
    EXPECT_EQ(image_now(id).state, ImageState::available);
    EXPECT_EQ(root_of(id).layer, root_of(golden()).layer);
    EXPECT_EQ(layer_count(), 1U);
}

TEST_F(CopiesTest, the_same_call_again_with_its_token_makes_no_second_copy) {
    launcher::CopyImageRequest wanted = copy_request("once");
    wanted.client_token = "token";
    const ImageId id = copy(wanted);
    EXPECT_EQ(copy(wanted), id);
    wanted.name = "other";
    EXPECT_EQ(error_code_of([&] { copy(wanted); }), "IdempotentParameterMismatch");
    expect_far_layers(1);
}

TEST_F(CopiesTest, a_copy_is_canceled_by_deregistering_the_image) {
    block_reader_of(root_of(golden()).layer.value());
    const ImageId id = launcher().copy_image(there(), copy_request("canceled"));
    const SnapshotId snapshot = root_of(id).id;
    wait_until_copied(snapshot);
    EXPECT_EQ(launcher().copied_percent(snapshot), 0);
    EXPECT_EQ(image_now(id).state, ImageState::pending);
    launcher().deregister_image(there(), id, false);
    release();
    EXPECT_EQ(image_now(id).state, ImageState::deregistered);
    EXPECT_FALSE(read([&](Session& s) { return images::find_snapshot(s, snapshot); }));
    EXPECT_EQ(launcher().copied_percent(snapshot), std::nullopt);
    expect_far_layers(0);
    put_file_back();
    EXPECT_EQ(image_now(copy("again")).state, ImageState::available);
}

TEST_F(CopiesTest, what_a_copy_reads_stays_until_it_ends) {
    const LayerId layer = root_of(golden()).layer.value();
    block_reader_of(layer);
    const ImageId id = launcher().copy_image(there(), copy_request("copied"));
    launcher().deregister_image(caller(), golden(), true);
    EXPECT_TRUE(pool().exists(layer));
    EXPECT_EQ(layer_count(), 1U);
    release();
    EXPECT_EQ(image_now(id).state, ImageState::failed);
    EXPECT_THAT(pool().files(), IsEmpty());
}

TEST_F(CopiesTest, a_copy_that_fails_says_why_and_leaves_nothing) {
    std::filesystem::rename(pool().path_of(root_of(golden()).layer.value()), aside());
    const ImageId id = copy("failed");
    EXPECT_EQ(image_now(id).state, ImageState::failed);
    EXPECT_THAT(image_now(id).state_reason, HasSubstr("No such file"));
    EXPECT_THAT(image_now(id).block_devices, IsEmpty());
    expect_far_layers(0);
}

TEST_F(CopiesTest, a_copy_that_a_crash_cut_off_is_finished_at_the_next_start) {
    const images::Snapshot source = root_of(golden());
    const images::Image target = [&] {
        images::Image made = image("cut off");
        made.region = "local-2";
        made.state = ImageState::pending;
        return made;
    }();
    images::Snapshot pending = snapshot(source.layer.value());
    pending.layer.reset();
    pending.region = "local-2";
    pending.state = SnapshotState::pending;
    stop_service();
    write([&](Session& session) {
        images::insert_snapshot(session, pending);
        images::Image with_root = target;
        with_root.block_devices.at(0).snapshot = pending.id;
        images::insert_image(session, with_root);
        launcher::Copy copy{.image = target.id,
                            .source_region = "local-1",
                            .region = "local-2",
                            .parts = {{.layer = source.layer.value(), .snapshot = pending.id}}};
        copy.layers = launcher::layers_of(session, copy);
        launcher::insert_copy(session,
                              {.id = OperationId::generate(),
                               .kind = launcher::operation_kind::copy_image,
                               .owner = caller().account,
                               .resource_id = target.id.str(),
                               .payload = launcher::to_json(copy),
                               .created = now()},
                              copy);
        images::Layer arriving = layer();
        arriving.id = source.layer.value();
        arriving.region = "local-2";
        arriving.state = images::LayerState::creating;
        images::insert_layer(session, arriving);
    });
    write_file_atomically(far_pool().path_of(source.layer.value()).string() + ".part", "half",
                          0600);
    start_service();
    EXPECT_EQ(image_now(target.id).state, ImageState::available);
    EXPECT_EQ(snapshot_now(pending.id).layer, source.layer);
    EXPECT_EQ(read_file(far_pool().path_of(source.layer.value())),
              read_file(pool().path_of(source.layer.value())));
    expect_far_layers(1);
}

TEST_F(CopiesTest, who_may_launch_an_image_may_not_copy_its_disks) {
    make_account_of_stranger();
    make_public(golden());
    const images::Caller stranger_there{.account = stranger().owner, .region = "local-2"};
    EXPECT_EQ(error_code_of([&] { launcher().copy_image(stranger_there, copy_request("stolen")); }),
              "InvalidRequest");
    launcher().modify_snapshot_attribute(
        caller(), {.snapshot = root_of(golden()).id, .add = {stranger().owner.str()}});
    tag(golden().str(), {.key = "Secret", .value = "of the owner"});
    launcher::CopyImageRequest wanted = copy_request("allowed");
    wanted.copy_image_tags = true;
    const ImageId id = launcher().copy_image(stranger_there, wanted);
    settle();
    EXPECT_EQ(image_now(id).owner, stranger().owner);
    EXPECT_EQ(root_of(id).owner, stranger().owner);
    EXPECT_THAT(read([&](Session& s) { return images::list_tags(s, stranger_there.scope()); }),
                IsEmpty())
        << "other accounts' tags never";
}

TEST_F(CopiesTest, a_snapshot_is_copied_and_the_copy_canceled_by_deleting_it) {
    const SnapshotId source = root_of(golden()).id;
    const SnapshotId id =
        launcher().copy_snapshot(there(), {.source_region = "local-1", .source = source});
    settle();
    EXPECT_EQ(snapshot_now(id).state, SnapshotState::completed);
    EXPECT_EQ(snapshot_now(id).description, "[Copied " + source.str() + " from local-1]");
    launcher().delete_snapshot(there(), id);
    expect_far_layers(0);

    block_reader_of(snapshot_now(source).layer.value());
    const SnapshotId canceled = launcher().copy_snapshot(
        there(), {.source_region = "local-1", .source = source, .description = "mine"});
    EXPECT_EQ(snapshot_now(canceled).description, "mine");
    launcher().delete_snapshot(there(), canceled);
    release();
    expect_far_layers(0);
}

TEST_F(CopiesTest, what_cannot_be_copied_is_refused) {
    launcher::CopyImageRequest nowhere = copy_request("name");
    nowhere.source_region = "mars-1";
    expect_refused("InvalidParameterValue", [&] { copy(nowhere); });
    launcher::CopyImageRequest other = copy_request("name");
    other.source_region = "local-2";
    expect_refused("InvalidAMIID.NotFound", [&] { copy(other); });
    expect_refused("InvalidAMIName.Malformed", [&] { copy("x"); });
    copy("taken");
    expect_refused("InvalidAMIName.Duplicate", [&] { copy("taken"); });
    expect_refused("InvalidSnapshot.NotFound", [&] {
        launcher().copy_snapshot(
            there(), {.source_region = "local-1", .source = SnapshotId("snap-00000001")});
    });
    expect_far_layers(1);
}

}  // namespace

}  // namespace kiln::tests
