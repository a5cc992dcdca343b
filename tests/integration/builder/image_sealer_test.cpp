#include "builder/sealing/image_sealer.hpp"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "images/catalog/encryption_key.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/layers/qcow2_header.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::builder {

namespace {

using images::ImageState;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Sealing of images whose disks hold no system: what is done to those the tests say.
class ImageSealerTest : public tests::LauncherFixture {
  protected:
    using Seal = std::function<void(const OfflineDiskSpec& disk, bool trim)>;

    ImageSealerTest() {
        start_sealer([this](const OfflineDiskSpec& disk, bool trim) {
            sealed_.push_back(disk.disk);
            is_trimmed_ = trim;
        });
    }

    void start_sealer(Seal seal) {
        sealer_.reset();
        sealer_ = std::make_unique<ImageSealer>(
            ImageSealer::Dependencies{.database = database(),
                                      .regions = regions(),
                                      .clock = clock_,
                                      .free_space_reserve = Bytes::mebibytes(1),
                                      .seal = std::move(seal)});
    }
    void stop_sealer() { sealer_.reset(); }
    ImageSealer& sealer() { return *sealer_; }

    SealRequest request(const std::string& name = "sealed") const {
        return {.source = golden(), .name = name};
    }
    images::Image seal(const SealRequest& wanted) {
        const ImageId id = sealer().seal_image(caller(), wanted);
        sealer().wait_until_idle();
        return image_now(id);
    }
    images::Snapshot root_of(const images::Image& image) {
        return read([&](Session& session) {
            return images::find_snapshot(session, *images::root_device(image)->snapshot).value();
        });
    }
    LayerId root_layer(const images::Image& image) { return root_of(image).layer.value(); }
    void expect_only_the_golden_image() {
        EXPECT_EQ(file_count(), 1U);
        EXPECT_EQ(layer_count(), 1U);
        EXPECT_EQ(open_operation_count(), 0U);
    }

    std::vector<std::filesystem::path> sealed_;
    bool is_trimmed_ = false;

  private:
    SystemClock clock_;
    std::unique_ptr<ImageSealer> sealer_;
};

TEST_F(ImageSealerTest, the_new_image_stands_on_the_other_which_stays_as_it_is) {
    const images::Image image = seal(request());
    EXPECT_EQ(image.state, ImageState::available) << image.state_reason;
    EXPECT_EQ(image.source_image, golden());
    EXPECT_EQ(image.name, "sealed");
    const LayerId layer = root_layer(image);
    EXPECT_EQ(sealed_, std::vector{pool().path_of(layer)});
    EXPECT_FALSE(is_trimmed_);
    EXPECT_EQ(layer_now(layer)->parent, root_layer(image_now(golden())));
    EXPECT_EQ(layer_now(layer)->state, images::LayerState::frozen);
    EXPECT_EQ(root_of(image).description, "Sealed from " + golden().str());
    EXPECT_EQ(image_now(golden()).state, ImageState::available);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ImageSealerTest, a_sparse_one_is_one_file_that_stands_on_nothing) {
    SealRequest wanted = request();
    wanted.sparsify = true;
    const images::Image image = seal(wanted);
    ASSERT_EQ(image.state, ImageState::available) << image.state_reason;
    EXPECT_TRUE(is_trimmed_);
    const LayerId layer = root_layer(image);
    EXPECT_EQ(layer_now(layer)->parent, std::nullopt);
    EXPECT_EQ(images::backing_file_of(pool().path_of(layer)), std::nullopt);
    EXPECT_THAT(root_of(image).description, HasSubstr("in one file"));
    EXPECT_EQ(file_count(), 2U);
}

TEST_F(ImageSealerTest, its_instances_are_launched_from_what_was_sealed) {
    const images::Image image = seal(request());
    auto launch = LauncherFixture::request();
    launch.image = image.id;
    const InstanceId id = run_one(launch);
    EXPECT_EQ(state(id), images::InstanceState::running);
    EXPECT_EQ(layer_now(*volumes(id).at(0).layer)->parent, root_layer(image));
}

TEST_F(ImageSealerTest, a_failure_is_the_images_and_leaves_nothing) {
    start_sealer([](const OfflineDiskSpec&, bool) {
        throw Error("BuildFailed", "", "no operating system was found on the disk");
    });
    const images::Image image = seal(request());
    EXPECT_EQ(image.state, ImageState::failed);
    EXPECT_THAT(image.state_reason, HasSubstr("no operating system"));
    expect_only_the_golden_image();
}

TEST_F(ImageSealerTest, what_a_restart_cuts_off_is_done_again_from_its_beginning) {
    start_sealer([](const OfflineDiskSpec& disk, bool) {
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any stopped;
        stopped.wait(lock, disk.stop, [] { return false; });
        throw Error("Canceled", "", "the build was canceled");
    });
    const ImageId id = sealer().seal_image(caller(), request());
    stop_sealer();
    EXPECT_EQ(image_now(id).state, ImageState::pending);
    stop_service();
    start_service();
    start_sealer([this](const OfflineDiskSpec& disk, bool) { sealed_.push_back(disk.disk); });
    sealer().recover();
    sealer().wait_until_idle();
    EXPECT_EQ(image_now(id).state, ImageState::available);
    EXPECT_THAT(sealed_, SizeIs(1));
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ImageSealerTest, only_own_images_in_clear_with_a_snapshot_are_sealed) {
    images::Caller other = caller();
    other.account = stranger().owner;
    EXPECT_EQ(tests::error_code_of([&] { sealer().seal_image(other, request()); }),
              "InvalidAMIID.NotFound");
    make_public(golden());
    EXPECT_EQ(tests::error_code_of([&] { sealer().seal_image(other, request()); }), "AuthFailure");

    images::Snapshot locked = snapshot(layer().id);
    locked.key_id = "key";
    const images::Image encrypted = image("encrypted", locked.id);
    write([&](Session& session) {
        images::insert_encryption_key(session, {.id = *locked.key_id,
                                                .owner = caller().account,
                                                .region = caller().region,
                                                .created = now()});
        images::Layer under = layer();
        under.key_id = locked.key_id;
        locked.layer = under.id;
        images::insert_layer(session, under);
        images::insert_snapshot(session, locked);
        images::insert_image(session, encrypted);
    });
    const auto seal_encrypted = [&] {
        sealer().seal_image(caller(), {.source = encrypted.id, .name = "sealed"});
    };
    EXPECT_EQ(tests::error_code_of(seal_encrypted), "UnsupportedOperation");
    EXPECT_THAT(tests::error_message_of(seal_encrypted), HasSubstr("encrypted"));
}

TEST_F(ImageSealerTest, a_refused_request_changes_nothing) {
    EXPECT_EQ(tests::error_code_of([&] { sealer().seal_image(caller(), request("golden")); }),
              "InvalidAMIName.Duplicate");
    EXPECT_EQ(tests::error_code_of([&] { sealer().seal_image(caller(), request("x")); }),
              "InvalidAMIName.Malformed");
    images::Caller asking = caller();
    asking.dry_run = true;
    EXPECT_EQ(tests::error_code_of([&] { sealer().seal_image(asking, request()); }),
              "DryRunOperation");
    expect_only_the_golden_image();
}

TEST_F(ImageSealerTest, an_account_has_so_many_at_once) {
    write([&](Session& session) {
        for (int i = 0; i < 16; ++i) {
            images::insert_operation(session, {.id = OperationId::generate(),
                                               .kind = sealing_operation_kind,
                                               .owner = caller().account,
                                               .resource_id = golden().str(),
                                               .payload = "{}",
                                               .created = now()});
        }
    });
    EXPECT_EQ(tests::error_code_of([&] { sealer().seal_image(caller(), request()); }),
              "RequestLimitExceeded");
}

TEST(SealingTest, is_what_its_operation_says) {
    const Sealing sealing{.source = ImageId::generate(),
                          .image = ImageId::generate(),
                          .region = "local-1",
                          .root = LayerId::generate(),
                          .layer = LayerId::generate(),
                          .size = Bytes::gibibytes(3),
                          .sparsify = true};
    const Sealing read = parse_sealing(to_json(sealing));
    EXPECT_EQ(read.source, sealing.source);
    EXPECT_EQ(read.image, sealing.image);
    EXPECT_EQ(read.region, sealing.region);
    EXPECT_EQ(read.root, sealing.root);
    EXPECT_EQ(read.layer, sealing.layer);
    EXPECT_EQ(read.size, sealing.size);
    EXPECT_TRUE(read.sparsify);
}

}  // namespace

}  // namespace kiln::builder
