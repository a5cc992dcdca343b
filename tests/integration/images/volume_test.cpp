#include "images/catalog/volume.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::error_code_of;

class VolumeTest : public tests::CatalogFixture {
  protected:
    Volume insert(Volume volume) {
        write([&](Session& session) { insert_volume(session, volume); });
        return volume;
    }
    Instance insert_instance_row() {
        const Instance row = instance(ImageId::generate());
        write([&](Session& session) { insert_instance(session, row); });
        return row;
    }
    VolumeAttachment attachment(const InstanceId& to, const std::string& device) const {
        return {.instance = to,
                .device_name = device,
                .state = AttachmentState::attached,
                .delete_on_termination = true,
                .attached = now()};
    }
    Volume get(const VolumeId& id, const Scope& as) {
        return read([&](Session& session) { return get_volume(session, as, id); });
    }
    static std::vector<VolumeId> ids_of(const std::vector<Volume>& volumes) {
        std::vector<VolumeId> ids;
        for (const Volume& volume : volumes)
            ids.push_back(volume.id);
        return ids;
    }
};

TEST_F(VolumeTest, a_volume_comes_back_with_every_field) {
    const Layer top = layer();
    const Snapshot origin = snapshot(top.id);
    write([&](Session& session) {
        insert_layer(session, top);
        insert_snapshot(session, origin);
    });
    Volume volume = this->volume(top.id);
    volume.snapshot = origin.id;
    volume.state = VolumeState::in_use;
    volume.size = Bytes::gibibytes(7);
    volume.volume_type = "io1";
    volume.attachment = attachment(insert_instance_row().id, "/dev/sdb");
    insert(volume);

    const Volume found = get(volume.id, scope());

    EXPECT_EQ(found.id, volume.id);
    EXPECT_EQ(found.owner, volume.owner);
    EXPECT_EQ(found.region, volume.region);
    EXPECT_EQ(found.zone, volume.zone);
    EXPECT_EQ(found.layer, top.id);
    EXPECT_EQ(found.snapshot, origin.id);
    EXPECT_EQ(found.state, volume.state);
    EXPECT_EQ(found.size, volume.size);
    EXPECT_EQ(found.volume_type, volume.volume_type);
    EXPECT_EQ(found.created, volume.created);
    ASSERT_TRUE(found.attachment);
    EXPECT_EQ(found.attachment->instance, volume.attachment->instance);
    EXPECT_EQ(found.attachment->device_name, "/dev/sdb");
    EXPECT_EQ(found.attachment->state, AttachmentState::attached);
    EXPECT_TRUE(found.attachment->delete_on_termination);
    EXPECT_EQ(found.attachment->attached, now());
}

TEST_F(VolumeTest, a_detached_volume_has_no_attachment) {
    Volume volume = this->volume();
    volume.attachment = attachment(insert_instance_row().id, "/dev/sdb");
    insert(volume);
    volume.attachment.reset();

    write([&](Session& session) { update_volume(session, volume, now()); });

    EXPECT_FALSE(get(volume.id, scope()).attachment);
    EXPECT_THAT(read([&](Session& session) { return attached_volumes(session, scope()); }),
                IsEmpty());
}

TEST_F(VolumeTest, a_volume_is_not_found_by_strangers_and_once_it_is_deleted) {
    Volume volume = insert(this->volume());
    EXPECT_EQ(error_code_of([&] { get(volume.id, scope()); }), "");
    EXPECT_EQ(error_code_of([&] { get(volume.id, stranger()); }), "InvalidVolume.NotFound");
    EXPECT_EQ(error_code_of([&] { get(VolumeId("vol-00000000"), scope()); }),
              "InvalidVolume.NotFound");

    volume.state = VolumeState::deleted;
    write([&](Session& session) { update_volume(session, volume, now()); });

    EXPECT_EQ(error_code_of([&] { get(volume.id, scope()); }), "InvalidVolume.NotFound");
}

TEST_F(VolumeTest, listings_leave_out_deleted_and_foreign_volumes) {
    const Volume mine = insert(volume());
    Volume deleted = volume();
    deleted.state = VolumeState::deleted;
    insert(deleted);
    Volume foreign = volume();
    foreign.owner = stranger().owner;
    insert(foreign);

    EXPECT_THAT(ids_of(read([&](Session& session) { return list_volumes(session, scope()); })),
                ElementsAre(mine.id));
}

TEST_F(VolumeTest, an_instance_s_volumes_stand_by_device_name) {
    const Instance owner = insert_instance_row();
    Volume second = volume();
    second.attachment = attachment(owner.id, "/dev/sdb");
    insert(second);
    Volume first = volume();
    first.attachment = attachment(owner.id, "/dev/sda1");
    insert(first);
    const Volume loose = insert(volume());

    EXPECT_THAT(
        ids_of(read([&](Session& session) { return volumes_of_instance(session, owner.id); })),
        ElementsAre(first.id, second.id));
    EXPECT_THAT(ids_of(read([&](Session& session) { return attached_volumes(session, scope()); })),
                ElementsAre(first.id, second.id));
    EXPECT_THAT(read([&](Session& session) { return attached_volumes(session, stranger()); }),
                IsEmpty());
}

TEST_F(VolumeTest, the_layer_under_a_volume_cannot_be_lost) {
    const Layer top = layer();
    write([&](Session& session) { insert_layer(session, top); });
    insert(volume(top.id));

    EXPECT_EQ(error_code_of([&] {
                  write([&](Session& session) { delete_layer(session, scope().region, top.id); });
              }),
              "InternalError");
}

}  // namespace

}  // namespace kiln::images
