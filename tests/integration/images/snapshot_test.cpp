#include "images/catalog/snapshot.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::error_code_of;

class SnapshotTest : public tests::CatalogFixture {
  protected:
    SnapshotTest() {
        write([&](Session& session) { insert_layer(session, base_); });
    }
    Snapshot insert(Snapshot snapshot) {
        write([&](Session& session) { insert_snapshot(session, snapshot); });
        return snapshot;
    }
    Snapshot get(const SnapshotId& id, const Scope& as) {
        return read([&](Session& session) { return get_snapshot(session, as, id); });
    }

    const Layer base_ = layer();
};

TEST_F(SnapshotTest, a_snapshot_comes_back_with_every_field) {
    Snapshot snapshot = this->snapshot(base_.id);
    snapshot.volume = VolumeId::generate();
    snapshot.state = SnapshotState::error;
    snapshot.description = "Created by CreateImage(i-1) for ami-1";
    insert(snapshot);

    const Snapshot found = get(snapshot.id, scope());

    EXPECT_EQ(found.id, snapshot.id);
    EXPECT_EQ(found.owner, snapshot.owner);
    EXPECT_EQ(found.region, snapshot.region);
    EXPECT_EQ(found.layer, base_.id);
    EXPECT_EQ(found.volume, snapshot.volume);
    EXPECT_EQ(found.state, snapshot.state);
    EXPECT_EQ(found.volume_size, snapshot.volume_size);
    EXPECT_EQ(found.description, snapshot.description);
    EXPECT_EQ(found.created, snapshot.created);
}

TEST_F(SnapshotTest, a_pending_snapshot_is_given_its_layer_when_it_completes) {
    Snapshot pending = snapshot(base_.id);
    pending.layer.reset();
    pending.state = SnapshotState::pending;
    insert(pending);
    EXPECT_EQ(get(pending.id, scope()).layer, std::nullopt);

    write([&](Session& session) {
        complete_snapshot(session, pending.id,
                          {.layer = base_.id, .stored_size = Bytes::mebibytes(7)}, now());
    });

    EXPECT_EQ(get(pending.id, scope()).layer, base_.id);
    EXPECT_EQ(get(pending.id, scope()).stored_size, Bytes::mebibytes(7));
    EXPECT_EQ(get(pending.id, scope()).state, SnapshotState::completed);
}

TEST_F(SnapshotTest, a_snapshot_is_not_found_by_strangers_but_found_for_launches) {
    const Snapshot mine = insert(snapshot(base_.id));

    EXPECT_EQ(error_code_of([&] { get(mine.id, stranger()); }), "InvalidSnapshot.NotFound");
    EXPECT_EQ(error_code_of([&] { get(SnapshotId("snap-00000000"), scope()); }),
              "InvalidSnapshot.NotFound");
    EXPECT_TRUE(read([&](Session& session) { return find_snapshot(session, mine.id); }));
    EXPECT_THAT(read([&](Session& session) { return list_snapshots(session, scope()); }),
                SizeIs(1));
    EXPECT_THAT(read([&](Session& session) { return list_snapshots(session, stranger()); }),
                IsEmpty());
}

TEST_F(SnapshotTest, a_snapshot_is_free_to_go_once_no_live_image_maps_it) {
    const Snapshot root = insert(snapshot(base_.id));
    const Image deregistered = image("a", root.id);
    const Image failed = image("b", root.id);
    const Image available = image("c", root.id);
    const auto delete_root = [&] {
        write([&](Session& session) { delete_snapshot(session, root.id, now()); });
    };
    write([&](Session& session) {
        for (const Image& image : {deregistered, failed, available})
            insert_image(session, image);
        set_image_state(session, deregistered.id, ImageState::deregistered);
        set_image_state(session, failed.id, ImageState::failed);
    });
    EXPECT_EQ(error_code_of(delete_root), "InternalError");

    write([&](Session& session) {
        set_image_state(session, available.id, ImageState::deregistered);
    });

    EXPECT_EQ(error_code_of(delete_root), "");
    EXPECT_EQ(error_code_of([&] { get(root.id, scope()); }), "InvalidSnapshot.NotFound");
}

}  // namespace

}  // namespace kiln::images
