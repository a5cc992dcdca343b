#include "images/catalog/image.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::error_code_of;
using tests::error_message_of;

class ImageTest : public tests::CatalogFixture {
  protected:
    Image insert(Image image) {
        write([&](Session& session) { insert_image(session, image); });
        return image;
    }
    Snapshot insert_root_snapshot() {
        const Layer base = layer();
        const Snapshot root = snapshot(base.id);
        write([&](Session& session) {
            insert_layer(session, base);
            insert_snapshot(session, root);
        });
        return root;
    }
    std::vector<ImageId> listed(const Scope& as, const ImageQuery& query = {}) {
        std::vector<ImageId> ids;
        for (const Image& image :
             read([&](Session& session) { return list_images(session, as, query); })) {
            ids.push_back(image.id);
        }
        return ids;
    }
    Image get(const ImageId& id, const Scope& as) {
        return read([&](Session& session) { return get_image(session, as, id); });
    }
    Image launchable(const ImageId& id, const Scope& as) {
        return read([&](Session& session) { return get_launchable_image(session, as, id); });
    }
    Image own(const ImageId& id, const Scope& as) {
        return read([&](Session& session) { return get_own_image(session, as, id); });
    }
    void set_state(const ImageId& id, ImageState state, const std::string& reason = "") {
        write([&](Session& session) { set_image_state(session, id, state, reason); });
    }
};

TEST_F(ImageTest, an_image_comes_back_with_every_field) {
    const Snapshot root = insert_root_snapshot();
    Image image = this->image("golden's (1) [a] ./-@_", root.id);
    image.description = "with 'quotes' and \"double\" ones; drop table images; --";
    image.state_reason = "reason";
    image.state = ImageState::failed;
    image.architecture = Architecture::arm64;
    image.virtualization_type = VirtualizationType::paravirtual;
    image.boot_mode = BootMode::uefi_preferred;
    image.kernel_id = "aki-1";
    image.ramdisk_id = "ari-1";
    image.platform = "windows";
    image.source_instance = InstanceId::generate();
    image.source_image = ImageId::generate();
    image.is_public = true;
    image.block_devices.push_back({.device_name = "/dev/sdb",
                                   .volume_size = Bytes::gibibytes(3),
                                   .volume_type = "io1",
                                   .delete_on_termination = false});
    insert(image);

    const Image found = get(image.id, scope());

    EXPECT_EQ(found.id, image.id);
    EXPECT_EQ(found.owner, image.owner);
    EXPECT_EQ(found.region, image.region);
    EXPECT_EQ(found.name, image.name);
    EXPECT_EQ(found.description, image.description);
    EXPECT_EQ(found.state, image.state);
    EXPECT_EQ(found.state_reason, image.state_reason);
    EXPECT_EQ(found.architecture, image.architecture);
    EXPECT_EQ(found.virtualization_type, image.virtualization_type);
    EXPECT_EQ(found.boot_mode, image.boot_mode);
    EXPECT_EQ(found.root_device_name, image.root_device_name);
    EXPECT_EQ(found.kernel_id, image.kernel_id);
    EXPECT_EQ(found.ramdisk_id, image.ramdisk_id);
    EXPECT_EQ(found.platform, image.platform);
    EXPECT_EQ(found.login_user, image.login_user);
    EXPECT_EQ(found.source_instance, image.source_instance);
    EXPECT_EQ(found.source_image, image.source_image);
    EXPECT_EQ(found.is_public, image.is_public);
    EXPECT_EQ(found.created, image.created);
    ASSERT_EQ(found.block_devices.size(), 2U);
    EXPECT_EQ(found.block_devices[0].device_name, "/dev/sda1");
    EXPECT_EQ(found.block_devices[0].snapshot, root.id);
    EXPECT_EQ(found.block_devices[0].volume_type, "gp3");
    EXPECT_TRUE(found.block_devices[0].delete_on_termination);
    EXPECT_EQ(found.block_devices[1].device_name, "/dev/sdb");
    EXPECT_EQ(found.block_devices[1].snapshot, std::nullopt);
    EXPECT_EQ(found.block_devices[1].volume_size, Bytes::gibibytes(3));
    EXPECT_EQ(found.block_devices[1].volume_type, "io1");
    EXPECT_FALSE(found.block_devices[1].delete_on_termination);
}

TEST_F(ImageTest, a_name_in_use_is_refused_and_names_the_image_that_has_it) {
    const Image first = insert(image("golden"));

    const auto insert_again = [&] { insert(image("golden")); };

    EXPECT_EQ(error_code_of(insert_again), "InvalidAMIName.Duplicate");
    EXPECT_EQ(error_message_of(insert_again),
              "AMI name golden is already in use by AMI " + first.id.str());
    EXPECT_THAT(listed(scope()), ElementsAre(first.id));
}

TEST_F(ImageTest, a_pending_image_holds_its_name) {
    Image pending = image("golden");
    pending.state = ImageState::pending;
    insert(pending);

    EXPECT_EQ(error_code_of([&] { insert(image("golden")); }), "InvalidAMIName.Duplicate");
}

TEST_F(ImageTest, a_name_is_free_again_after_deregistration_and_failure) {
    set_state(insert(image("golden")).id, ImageState::deregistered);
    set_state(insert(image("golden")).id, ImageState::failed);

    EXPECT_EQ(error_code_of([&] { insert(image("golden")); }), "");
}

TEST_F(ImageTest, another_account_or_region_may_use_the_same_name) {
    insert(image("golden"));
    Image of_stranger = image("golden");
    of_stranger.owner = stranger().owner;
    Image elsewhere = image("golden");
    elsewhere.region = "local-2";

    EXPECT_EQ(error_code_of([&] { insert(of_stranger); }), "");
    EXPECT_EQ(error_code_of([&] { insert(elsewhere); }), "");
}

TEST_F(ImageTest, the_database_itself_refuses_two_images_of_one_name) {
    Image failed = image("golden");
    failed.state = ImageState::failed;
    insert(failed);
    insert(image("golden"));

    EXPECT_EQ(error_code_of([&] { set_state(failed.id, ImageState::available); }), "InternalError");
}

TEST_F(ImageTest, names_are_checked_as_ec2_checks_them) {
    const std::vector<std::string> good{"abc", "A-z 0.9/(x)[y]'@_", std::string(128, 'n')};
    const std::vector<std::string> bad{
        "", "ab", std::string(129, 'n'), "a:b", "a\nb", "grün", "a\\b", "a\"b", "tab\t1"};
    for (const std::string& name : good)
        EXPECT_EQ(error_code_of([&] { check_image_name(name); }), "") << name;
    for (const std::string& name : bad) {
        EXPECT_EQ(error_code_of([&] { check_image_name(name); }), "InvalidAMIName.Malformed")
            << name;
    }
    EXPECT_EQ(error_code_of([&] { check_image_name(std::string("abc\0d", 5)); }),
              "InvalidAMIName.Malformed");
}

TEST_F(ImageTest, an_unknown_image_does_not_exist) {
    const ImageId unknown("ami-0123456789abcdef0");
    const std::string message = "The image id '[ami-0123456789abcdef0]' does not exist";
    const std::vector<std::function<void()>> questions{
        [&] { get(unknown, scope()); }, [&] { launchable(unknown, scope()); },
        [&] { own(unknown, scope()); }, [&] { listed(scope(), {.ids = {unknown}}); }};
    for (const auto& ask : questions) {
        EXPECT_EQ(error_code_of(ask), "InvalidAMIID.NotFound");
        EXPECT_EQ(error_message_of(ask), message);
    }
}

TEST_F(ImageTest, a_stranger_does_not_see_a_private_image) {
    const Image mine = insert(image("golden"));

    EXPECT_EQ(error_code_of([&] { get(mine.id, stranger()); }), "InvalidAMIID.NotFound");
    EXPECT_EQ(error_code_of([&] { own(mine.id, stranger()); }), "InvalidAMIID.NotFound");
    EXPECT_EQ(error_code_of([&] { listed(stranger(), {.ids = {mine.id}}); }),
              "InvalidAMIID.NotFound");
    EXPECT_THAT(listed(stranger()), IsEmpty());
}

TEST_F(ImageTest, a_stranger_is_not_authorized_to_launch_a_private_image) {
    const Image mine = insert(image("golden"));

    const auto launch = [&] { launchable(mine.id, stranger()); };

    EXPECT_EQ(error_code_of(launch), "AuthFailure");
    EXPECT_EQ(error_message_of(launch), "Not authorized for images: [" + mine.id.str() + "]");
}

TEST_F(ImageTest, a_stranger_launches_a_public_image_but_does_not_change_it) {
    Image shared = image("golden");
    shared.is_public = true;
    insert(shared);

    EXPECT_EQ(get(shared.id, stranger()).id, shared.id);
    EXPECT_EQ(launchable(shared.id, stranger()).id, shared.id);
    EXPECT_THAT(listed(stranger()), ElementsAre(shared.id));
    EXPECT_EQ(error_code_of([&] { own(shared.id, stranger()); }), "AuthFailure");
}

TEST_F(ImageTest, an_image_is_not_found_from_another_region) {
    const Image here = insert(image("golden"));
    const Scope elsewhere{.owner = scope().owner, .region = "local-2"};

    EXPECT_EQ(error_code_of([&] { get(here.id, elsewhere); }), "InvalidAMIID.NotFound");
    EXPECT_EQ(error_code_of([&] { launchable(here.id, elsewhere); }), "InvalidAMIID.NotFound");
    EXPECT_EQ(error_code_of([&] { own(here.id, elsewhere); }), "InvalidAMIID.NotFound");
    EXPECT_THAT(listed(elsewhere), IsEmpty());
}

TEST_F(ImageTest, only_an_available_image_is_launchable) {
    const Image image = insert(this->image("golden"));
    const auto launch = [&] { launchable(image.id, scope()); };
    EXPECT_EQ(error_code_of(launch), "");

    set_state(image.id, ImageState::pending);
    EXPECT_EQ(error_code_of(launch), "InvalidAMIID.Unavailable");
    EXPECT_THAT(error_message_of(launch), ::testing::HasSubstr("pending"));

    set_state(image.id, ImageState::failed, "the disk was full");
    EXPECT_EQ(error_code_of(launch), "InvalidAMIID.Unavailable");
    EXPECT_THAT(error_message_of(launch), ::testing::HasSubstr("the disk was full"));

    set_state(image.id, ImageState::deregistered);
    EXPECT_EQ(error_code_of(launch), "InvalidAMIID.Unavailable");
}

TEST_F(ImageTest, a_deregistered_image_is_unavailable_by_id_and_absent_from_listings) {
    const Image gone = insert(image("golden"));
    const Image kept = insert(image("golden-2"));
    set_state(gone.id, ImageState::deregistered);

    EXPECT_EQ(error_code_of([&] { get(gone.id, scope()); }), "InvalidAMIID.Unavailable");
    EXPECT_EQ(error_code_of([&] { own(gone.id, scope()); }), "InvalidAMIID.Unavailable");
    EXPECT_EQ(error_code_of([&] { get(gone.id, stranger()); }), "InvalidAMIID.NotFound");
    EXPECT_THAT(listed(scope()), ElementsAre(kept.id));
    EXPECT_THAT(listed(scope(), {.ids = {gone.id}}), IsEmpty());
}

TEST_F(ImageTest, listing_by_id_names_every_unknown_id) {
    const Image known = insert(image("golden"));
    const ImageId first("ami-00000000000000001");
    const ImageId second("ami-00000000000000002");

    const auto one = [&] { listed(scope(), {.ids = {known.id, second}}); };
    const auto two = [&] { listed(scope(), {.ids = {second, known.id, first}}); };

    EXPECT_EQ(error_message_of(one), "The image id '[ami-00000000000000002]' does not exist");
    EXPECT_EQ(error_message_of(two),
              "The image ids '[ami-00000000000000001, ami-00000000000000002]' do not exist");
    EXPECT_THAT(listed(scope(), {.ids = {known.id, known.id}}), ElementsAre(known.id));
}

TEST_F(ImageTest, listings_are_oldest_first_and_carry_their_own_block_devices) {
    const Snapshot root = insert_root_snapshot();
    Image young = image("young", root.id);
    young.created = now() + std::chrono::milliseconds(2);
    Image old = image("old");
    old.block_devices = {};
    insert(young);
    insert(old);

    const auto images = read([&](Session& session) { return list_images(session, scope(), {}); });

    ASSERT_EQ(images.size(), 2U);
    EXPECT_EQ(images[0].id, old.id);
    EXPECT_THAT(images[0].block_devices, IsEmpty());
    EXPECT_EQ(images[1].id, young.id);
    ASSERT_EQ(images[1].block_devices.size(), 1U);
    EXPECT_EQ(images[1].block_devices[0].snapshot, root.id);
}

TEST_F(ImageTest, owners_narrow_a_listing) {
    const Image mine = insert(image("golden"));
    Image foreign = image("foreign");
    foreign.owner = stranger().owner;
    foreign.is_public = true;
    foreign.created = now() + std::chrono::milliseconds(1);
    insert(foreign);

    EXPECT_THAT(listed(scope()), ElementsAre(mine.id, foreign.id));
    EXPECT_THAT(listed(scope(), {.owners = {"self"}}), ElementsAre(mine.id));
    EXPECT_THAT(listed(scope(), {.owners = {foreign.owner.str()}}), ElementsAre(foreign.id));
    EXPECT_THAT(listed(scope(), {.owners = {"amazon"}}), IsEmpty());
    EXPECT_THAT(listed(scope(), {.ids = {foreign.id}, .owners = {"self"}}), IsEmpty());
}

TEST_F(ImageTest, a_pending_image_is_given_its_final_block_devices) {
    Image pending = image("golden");
    pending.state = ImageState::pending;
    insert(pending);
    const Snapshot root = insert_root_snapshot();
    EXPECT_EQ(read(pending_images).size(), 1U);

    write([&](Session& session) {
        set_image_block_devices(
            session, pending.id,
            {{.device_name = "/dev/xvda", .snapshot = root.id, .volume_size = Bytes{5}}});
        set_image_state(session, pending.id, ImageState::available);
    });

    const Image image = get(pending.id, scope());
    ASSERT_EQ(image.block_devices.size(), 1U);
    EXPECT_EQ(image.block_devices[0].device_name, "/dev/xvda");
    EXPECT_THAT(read(pending_images), IsEmpty());
}

TEST_F(ImageTest, the_images_of_a_snapshot_are_those_that_can_still_be_launched) {
    const Snapshot root = insert_root_snapshot();
    const Image used = insert(image("golden", root.id));
    const Image gone = insert(image("golden-2", root.id));
    set_state(gone.id, ImageState::deregistered);

    EXPECT_THAT(read([&](Session& session) { return images_using_snapshot(session, root.id); }),
                ElementsAre(used.id));
}

TEST_F(ImageTest, a_snapshot_that_an_image_maps_cannot_be_deleted_under_it) {
    const Snapshot root = insert_root_snapshot();
    insert(image("golden", root.id));

    EXPECT_EQ(error_code_of([&] {
                  write([&](Session& session) { delete_snapshot(session, root.id, now()); });
              }),
              "InternalError");
}

}  // namespace

}  // namespace kiln::images
