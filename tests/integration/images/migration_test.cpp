#include <gmock/gmock.h>

#include "base/statement.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/migrations.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/volume.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::images {

namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::vector<Migration> migrations_until(int version) {
    std::vector<Migration> chosen;
    for (const Migration& migration : migrations()) {
        if (migration.version <= version) chosen.push_back(migration);
    }
    return chosen;
}

/// A chain of two layers with a snapshot, an image of it, a volume that was changed, as the second
/// version of the catalog has them.
constexpr const char* rows_of_version_2[] = {
    "insert into layers values ('layer-00000001', 'local-1', null, 'frozen', 1024, 1)",
    "insert into layers values ('layer-00000002', 'local-1', 'layer-00000001', 'live', 1024, 2)",
    "insert into snapshots values ('snap-00000001', '111111111111', 'local-1', 'layer-00000001',"
    " null, 'completed', 1024, 'golden', 3, '')",
    "insert into snapshot_permissions values ('snap-00000001', 'all')",
    "insert into images values ('ami-00000001', '111111111111', 'local-1', 'golden', '', "
    "'available', '',"
    " 'x86_64', 'hvm', 'legacy-bios', '/dev/xvda', '', '', '', 'admin', null, null, 0, 4)",
    "insert into image_block_devices values ('ami-00000001', '/dev/xvda', 'snap-00000001', 1024, "
    "'gp3', 1)",
    "insert into volumes values ('vol-00000009', '111111111111', 'local-1', 'local-1a', "
    "'layer-00000002',"
    " 'snap-00000001', 'available', 1024, 'gp3', 5, null, '', '', 0, 0)",
    "insert into volume_modifications values ('vol-00000009', 'completed', '', 512, 'gp3', 1024, "
    "'gp3', 6, 7)",
};

TEST(MigrationTest, a_catalog_of_the_second_version_keeps_all_that_it_has) {
    const tests::TemporaryDirectory directory;
    Database database((directory.path() / "catalog.db").string());
    database.migrate(migrations_until(2));
    database.write([](Session& session) {
        for (const char* row : rows_of_version_2)
            run_sql(session, row);
    });

    database.migrate(migrations());

    const Scope scope{.owner = AccountId("111111111111"), .region = "local-1"};
    database.write([&](Session& session) {
        const auto chain = layer_chain(session, "local-1", LayerId("layer-00000002"));
        ASSERT_THAT(chain, SizeIs(2));
        EXPECT_EQ(chain[1].id, LayerId("layer-00000001"));
        EXPECT_EQ(chain[1].state, LayerState::frozen);
        const Snapshot snapshot = get_snapshot(session, scope, SnapshotId("snap-00000001"));
        EXPECT_EQ(snapshot.description, "golden");
        EXPECT_THAT(grantees_of(session, snapshot.id), ElementsAre("all"));
        EXPECT_EQ(get_image(session, scope, ImageId("ami-00000001")).block_devices.at(0).snapshot,
                  snapshot.id);
        EXPECT_EQ(get_volume(session, scope, VolumeId("vol-00000009")).layer, chain[0].id);
        EXPECT_EQ(find_volume_modification(session, VolumeId("vol-00000009"))->target_size,
                  Bytes{1024});
    });
    EXPECT_THROW(database.write([](Session& session) {
        delete_layer(session, "local-1", LayerId("layer-00000001"));
    }),
                 Error)
        << "what needs a layer still keeps it";
}

}  // namespace

}  // namespace kiln::images
