#include "builder/inspection/compare_images.hpp"

#include <gmock/gmock.h>

#include "images/catalog/snapshot.hpp"
#include "tests/integration/appliance/small_disk.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using tests::error_code_of;

/// Two images of a catalog, with real files.
class CompareImagesTest : public tests::LauncherFixture {
  protected:
    ComparedImages compare(const images::Caller& asker, bool dry_run = false) {
        images::Caller caller = asker;
        caller.dry_run = dry_run;
        return compare_images(database(), regions(), tests::emulating_all(), caller,
                              {.before = golden(), .after = newer_}, now());
    }
    std::string refusal(const images::Caller& asker) {
        return error_code_of([&] { compare(asker, true); });
    }
    fs::path root_of(const ImageId& image) {
        const auto snapshot = image_now(image).block_devices.at(0).snapshot.value();
        return pool().path_of(read([&](Session& session) {
            return images::find_snapshot(session, snapshot)->layer.value();
        }));
    }

    ImageId newer_ = insert_image("newer");
};

TEST_F(CompareImagesTest, reads_the_roots_of_both) {
    SmallDisk before;
    SmallDisk after;
    after.write("added", "x");
    fs::rename(before.make(), root_of(golden()));
    fs::rename(after.make(), root_of(newer_));
    const ComparedImages compared = compare(caller());
    EXPECT_EQ(compared.before.id, golden());
    EXPECT_EQ(compared.after.id, newer_);
    EXPECT_THAT(words(compared.difference.files), ElementsAre("added /added"));
}

TEST_F(CompareImagesTest, is_for_who_may_launch_both) {
    make_account_of_stranger();
    images::Caller other = caller();
    other.account = stranger().owner;
    EXPECT_EQ(refusal(caller()), "DryRunOperation");
    EXPECT_EQ(refusal(other), "AuthFailure");
    make_public(golden());
    EXPECT_EQ(refusal(other), "AuthFailure");
    make_public(newer_);
    EXPECT_EQ(refusal(other), "DryRunOperation");
    write([&](Session& session) {
        images::set_image_state(session, newer_, images::ImageState::disabled);
    });
    EXPECT_EQ(refusal(caller()), "InvalidAMIID.Unavailable");
}

}  // namespace

}  // namespace kiln::builder
