#include "images/catalog/usage.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/statement.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class UsageTest : public tests::CatalogFixture {
  protected:
    Time after(int count) const { return now() + seconds(count); }
    /// "t3.micro 0 MiB from 0 s to 5 s" for each record of the caller, or "… on" while it runs.
    std::vector<std::string> records() { return records_of(scope().owner); }
    std::vector<std::string> records_of(const AccountId& owner) {
        const auto found = read([&](Session& session) {
            return list_usage(session, owner, {.since = after(-1000), .until = after(1000)});
        });
        std::vector<std::string> texts;
        for (const UsageRecord& record : found)
            texts.push_back(text_of(record));
        return texts;
    }
    std::size_t count_between(int since, int until) {
        return read([&](Session& session) {
                   return list_usage(session, scope().owner,
                                     {.since = after(since), .until = after(until)});
               })
            .size();
    }
    Usage usage(const std::string& resource, Bytes size = Bytes::mebibytes(1)) const {
        return {.owner = scope().owner,
                .region = scope().region,
                .resource_id = resource,
                .kind = UsageKind::bundle,
                .type = "bundle",
                .size = size};
    }
    void start(const Usage& usage, int at) {
        write([&](Session& session) { meter_start(session, usage, after(at)); });
    }
    void end(const std::string& resource, int at) {
        write([&](Session& session) { meter_end(session, resource, after(at)); });
    }

  private:
    std::string text_of(const UsageRecord& record) const {
        const auto since_now = [this](Time time) { return (time - now()).count() / 1000; };
        return fmt::format(
            "{} {} {} MiB from {} {}", to_text(record.usage.kind), record.usage.type,
            record.usage.size.in_mebibytes(), since_now(record.started),
            record.ended ? fmt::format("to {}", since_now(*record.ended)) : std::string("on"));
    }
};

TEST_F(UsageTest, a_record_runs_until_it_is_ended) {
    start(usage("a"), 0);
    EXPECT_THAT(records(), ElementsAre("bundle bundle 1 MiB from 0 on"));
    end("a", 5);
    EXPECT_THAT(records(), ElementsAre("bundle bundle 1 MiB from 0 to 5"));
    end("a", 9);
    EXPECT_THAT(records(), ElementsAre("bundle bundle 1 MiB from 0 to 5")) << "it had ended";
}

TEST_F(UsageTest, what_does_not_change_stays_one_record) {
    start(usage("a"), 0);
    start(usage("a"), 5);
    EXPECT_THAT(records(), ElementsAre("bundle bundle 1 MiB from 0 on"));
}

TEST_F(UsageTest, a_change_ends_one_record_and_begins_the_next) {
    start(usage("a"), 0);
    start(usage("a", Bytes::mebibytes(2)), 5);
    EXPECT_THAT(records(),
                ElementsAre("bundle bundle 1 MiB from 0 to 5", "bundle bundle 2 MiB from 5 on"));
}

TEST_F(UsageTest, a_clock_that_was_set_back_gives_no_span_below_zero) {
    start(usage("a"), 10);
    start(usage("a", Bytes::mebibytes(2)), 3);
    end("a", 1);
    EXPECT_THAT(records(), testing::UnorderedElementsAre("bundle bundle 1 MiB from 10 to 10",
                                                         "bundle bundle 2 MiB from 10 to 10"));
}

TEST_F(UsageTest, another_resource_and_another_account_have_their_own_records) {
    Usage of_stranger = usage("b");
    of_stranger.owner = stranger().owner;
    start(usage("a"), 0);
    start(of_stranger, 1);
    end("a", 5);
    EXPECT_THAT(records(), ElementsAre("bundle bundle 1 MiB from 0 to 5"));
    EXPECT_THAT(records_of(stranger().owner), ElementsAre("bundle bundle 1 MiB from 1 on"));
}

TEST_F(UsageTest, records_are_found_by_the_span_in_which_they_ran) {
    start(usage("a"), 10);
    end("a", 20);
    start(usage("b"), 30);
    const std::tuple<int, int, std::size_t> table[]{
        {0, 10, 0}, {0, 11, 1}, {15, 16, 1}, {20, 25, 1}, {21, 25, 0},
        {0, 30, 1}, {0, 31, 2}, {90, 99, 1}, {20, 31, 2},
    };
    for (const auto& [since, until, count] : table)
        EXPECT_EQ(count_between(since, until), count) << since << " to " << until;
}

TEST_F(UsageTest, what_is_rolled_back_is_not_charged) {
    EXPECT_THROW(write([&](Session& session) {
                     insert_volume(session, volume());
                     throw Error("DryRunOperation", "", "");
                 }),
                 Error);
    EXPECT_THAT(records(), IsEmpty());
}

TEST_F(UsageTest, an_instance_is_charged_while_it_is_running) {
    Instance row = instance(ImageId::generate());
    row.state = InstanceState::pending;
    write([&](Session& session) { insert_instance(session, row); });
    int time = 0;
    const auto become = [&](InstanceState state) {
        row.state = state;
        time += 10;
        write([&](Session& session) { update_instance(session, row, after(time)); });
    };
    EXPECT_THAT(records(), IsEmpty()) << "pending is free";

    become(InstanceState::running);
    become(InstanceState::running);  // some attribute
    become(InstanceState::stopping);
    become(InstanceState::stopped);
    row.instance_type = "t3.large";
    become(InstanceState::pending);
    become(InstanceState::running);
    become(InstanceState::shutting_down);
    become(InstanceState::terminated);

    EXPECT_THAT(records(), ElementsAre("instance t3.micro 0 MiB from 10 to 30",
                                       "instance t3.large 0 MiB from 60 to 70"));
}

TEST_F(UsageTest, an_instance_that_never_ran_is_not_charged) {
    Instance row = instance(ImageId::generate());
    row.state = InstanceState::pending;
    write([&](Session& session) {
        insert_instance(session, row);
        row.state = InstanceState::terminated;
        update_instance(session, row, after(1));
    });
    EXPECT_THAT(records(), IsEmpty());
}

TEST_F(UsageTest, a_volume_is_charged_from_its_creation_until_it_goes) {
    for (const VolumeState gone :
         {VolumeState::deleting, VolumeState::deleted, VolumeState::error}) {
        Volume row = volume();
        row.state = VolumeState::creating;
        row.owner = AccountId::generate();
        write([&](Session& session) {
            insert_volume(session, row);
            row.state = VolumeState::in_use;
            update_volume(session, row, after(1));
            row.size = Bytes::gibibytes(2);
            update_volume(session, row, after(2));
            row.volume_type = "io2";
            update_volume(session, row, after(3));
            row.state = gone;
            update_volume(session, row, after(4));
        });
        EXPECT_THAT(records_of(row.owner), ElementsAre("volume gp3 1024 MiB from 0 to 2",
                                                       "volume gp3 2048 MiB from 2 to 3",
                                                       "volume io2 2048 MiB from 3 to 4"))
            << to_text(gone);
    }
}

TEST_F(UsageTest, a_snapshot_is_charged_for_its_own_layer_once_it_is_completed) {
    const Layer base = layer();
    Snapshot row = snapshot(base.id);
    row.layer.reset();
    row.state = SnapshotState::pending;
    write([&](Session& session) {
        insert_layer(session, base);
        insert_snapshot(session, row);
    });
    EXPECT_THAT(records(), IsEmpty()) << "pending is free";

    write([&](Session& session) {
        complete_snapshot(session, row.id, {.layer = base.id, .stored_size = Bytes::mebibytes(3)},
                          after(1));
        set_snapshot_size(session, row.id, Bytes::gibibytes(9));
    });
    EXPECT_THAT(records(), ElementsAre("snapshot snapshot 3 MiB from 1 on"));

    write([&](Session& session) { delete_snapshot(session, row.id, after(2)); });
    EXPECT_THAT(records(), ElementsAre("snapshot snapshot 3 MiB from 1 to 2"));
}

TEST_F(UsageTest, a_snapshot_that_failed_is_not_charged) {
    Snapshot row = snapshot(LayerId::generate());
    row.layer.reset();
    row.state = SnapshotState::pending;
    write([&](Session& session) {
        insert_snapshot(session, row);
        fail_snapshot(session, row.id, "no space");
        delete_snapshot(session, row.id, after(1));
    });
    EXPECT_THAT(records(), IsEmpty());
}

TEST_F(UsageTest, a_snapshot_that_is_complete_from_the_beginning_is_charged_from_there) {
    const Layer base = layer();
    Snapshot row = snapshot(base.id);
    row.stored_size = Bytes::mebibytes(4);
    write([&](Session& session) {
        insert_layer(session, base);
        insert_snapshot(session, row);
    });
    EXPECT_THAT(records(), ElementsAre("snapshot snapshot 4 MiB from 0 on"));
}

TEST_F(UsageTest, a_stored_bundle_is_charged_until_it_is_removed) {
    const std::string location = "bucket/web.manifest.xml";
    write([&](Session& session) {
        meter_bundle_start(session,
                           {.location = location,
                            .owner = scope().owner,
                            .region = scope().region,
                            .size = Bytes::mebibytes(5)},
                           after(1));
        meter_bundle_end(session, location, after(2));
    });
    EXPECT_THAT(records(), ElementsAre("bundle bundle 5 MiB from 1 to 2"));
}

/// A catalog as it was before there were records of usage.
class OlderCatalogTest : public UsageTest {
  protected:
    OlderCatalogTest() : older_((directory() / "older.db").string()) {
        std::vector<Migration> before = migrations();
        std::erase_if(before, [](const Migration& m) { return m.version >= first_with_usage; });
        older_.migrate(before);
    }
    void insert_instance_row(const std::string& id, const std::string& state) {
        older_.write([&](Session& session) {
            run_sql(session,
                    "insert into instances values (:id, '111111111111', 'local-1', 'local-1a',"
                    " 'r-00000001', 'ami-00000001', 't3.micro', :state, '', '', '', 'x86_64',"
                    " 'hvm', 'uefi', '', '/dev/sda1', '', '', '', '', '', '', 'stop', 0, 0, '',"
                    " '', '', 1700000000123, null)",
                    {{"id", id}, {"state", state}});
        });
    }
    void insert_volume_row(const std::string& id, const std::string& state) {
        older_.write([&](Session& session) {
            run_sql(session,
                    "insert into volumes (volume_id, owner, region, zone, state, size,"
                    " volume_type, created, device_name, attach_state, delete_on_termination,"
                    " attached) values (:id, '111111111111', 'local-1', 'local-1a', :state,"
                    " 1048576, 'gp3', 1700000000123, '', '', 0, 0)",
                    {{"id", id}, {"state", state}});
        });
    }
    void insert_snapshot_row(const std::string& id, const std::string& state) {
        older_.write([&](Session& session) {
            run_sql(session,
                    "insert into snapshots (snapshot_id, owner, region, state, state_message,"
                    " volume_size, description, created) values (:id, '111111111111', 'local-1',"
                    " :state, '', 2097152, '', 1700000000123)",
                    {{"id", id}, {"state", state}});
        });
    }
    std::vector<std::string> charged_resources() {
        older_.migrate(migrations());
        std::vector<std::string> resources;
        older_.read([&](Session& session) {
            for (const UsageRecord& record :
                 list_usage(session, scope().owner, {.since = now(), .until = after(1)})) {
                EXPECT_EQ(record.started, now());
                EXPECT_EQ(record.ended, std::nullopt);
                resources.push_back(fmt::format("{} {}", record.usage.resource_id,
                                                record.usage.size.in_mebibytes()));
            }
        });
        return resources;
    }

  private:
    static constexpr int first_with_usage = 4;
    Database older_;
};

TEST_F(OlderCatalogTest, what_is_there_already_is_charged_from_its_own_beginning) {
    insert_instance_row("i-0000000a", "running");
    insert_instance_row("i-0000000b", "stopped");
    insert_volume_row("vol-0000000c", "in-use");
    insert_volume_row("vol-0000000d", "deleted");
    insert_volume_row("vol-0000000e", "error");
    insert_snapshot_row("snap-0000000f", "completed");
    insert_snapshot_row("snap-00000010", "pending");

    EXPECT_THAT(charged_resources(),
                ElementsAre("i-0000000a 0", "snap-0000000f 2", "vol-0000000c 1"));
}

}  // namespace

}  // namespace kiln::images
