#include "base/database.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <future>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/statement.hpp"
#include "tests/integration/base/small_file_system.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln {

namespace {

using ::testing::HasSubstr;

const Migration create_notes{.version = 1,
                             .name = "notes",
                             .sql =
                                 "-- a comment\n"
                                 "create table notes (note text not null);\n"
                                 "create index notes_by_note on notes (note);\n"};
const Migration add_author{
    .version = 2, .name = "author", .sql = "alter table notes add column author text;\n"};
const Migration broken{.version = 2,
                       .name = "broken",
                       .sql =
                           "create table half (id text);\n"
                           "create table notes (note text);\n"};

Error error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    return Error("", "", "");
}

void add_note(Database& database, const std::string& note) {
    database.write([&](Session& session) {
        run_sql(session, "insert into notes (note) values (:note)", {{"note", note}});
    });
}

int count(Session& session) {
    Statement row(session, "select count(*) from notes", {}, {ColumnType::number});
    EXPECT_TRUE(row.next());
    return static_cast<int>(row.number(0));
}

int count(Database& database) {
    return database.read([](Session& session) { return count(session); });
}

class DatabaseTest : public ::testing::Test {
  protected:
    std::string path(const std::string& name = "catalog.db") const {
        return (directory_.path() / name).string();
    }

    tests::TemporaryDirectory directory_;
};

TEST_F(DatabaseTest, migrations_run_once_and_in_order) {
    {
        Database database(path());
        database.migrate({create_notes});
        add_note(database, "kept");
        database.migrate({create_notes});
    }
    Database database(path());
    database.migrate({create_notes, add_author});

    EXPECT_EQ(count(database), 1);
    EXPECT_NO_THROW(database.write(
        [](Session& session) { run_sql(session, "update notes set author = 'someone'"); }));
}

TEST_F(DatabaseTest, a_backup_is_made_before_a_database_with_data_is_migrated) {
    Database database(path());
    database.migrate({create_notes});
    add_note(database, "kept");
    EXPECT_FALSE(std::filesystem::exists(path("catalog.db.schema-1")));

    database.migrate({create_notes, add_author});

    Database backup(path("catalog.db.schema-1"));
    EXPECT_EQ(count(backup), 1);
    EXPECT_NO_THROW(backup.migrate({create_notes})) << "the backup has the old schema";
}

TEST_F(DatabaseTest, a_migration_that_fails_changes_nothing) {
    Database database(path());
    database.migrate({create_notes});

    EXPECT_EQ(error_of([&] { database.migrate({create_notes, broken}); }).code(), "InternalError");

    EXPECT_NE(error_of([&] {
                  database.read([](Session& session) { run_sql(session, "select 1 from half"); });
              }).code(),
              "");
    EXPECT_NO_THROW(database.migrate({create_notes, add_author}));
}

TEST_F(DatabaseTest, a_database_of_a_newer_kiln_is_refused) {
    Database database(path());
    database.migrate({create_notes, add_author});

    const Error error = error_of([&] { database.migrate({create_notes}); });

    EXPECT_EQ(error.code(), "InternalError");
    EXPECT_THAT(error.message(), HasSubstr("newer kiln"));
    EXPECT_THAT(error.message(), HasSubstr(path()));
}

TEST_F(DatabaseTest, what_is_no_database_or_has_no_directory_is_refused) {
    std::ofstream(path()) << std::string(4096, 'x');

    EXPECT_THAT(error_of([&] { Database database(path()); }).message(),
                HasSubstr("cannot open the catalog '" + path() + "'"));
    EXPECT_THAT(error_of([&] { Database database(path("no/catalog.db")); }).message(),
                HasSubstr("cannot open the catalog"));
}

TEST_F(DatabaseTest, a_path_may_hold_spaces_and_signs_but_no_double_quote) {
    const std::string odd = "it's a=b  timeout=0 catalog.db";
    Database database(path(odd));
    database.migrate({create_notes});
    add_note(database, "kept");

    EXPECT_TRUE(std::filesystem::exists(path(odd)));
    EXPECT_EQ(count(database), 1);
    EXPECT_THAT(error_of([&] { Database other(path("a\"b.db")); }).message(),
                HasSubstr("double quote"));
}

TEST_F(DatabaseTest, a_write_that_throws_is_rolled_back_and_the_next_one_works) {
    Database database(path());
    database.migrate({create_notes});

    EXPECT_THROW(database.write([](Session& session) {
        run_sql(session, "insert into notes (note) values ('lost')");
        throw std::runtime_error("changed my mind");
    }),
                 std::runtime_error);

    EXPECT_EQ(count(database), 0);
    add_note(database, "kept");
    EXPECT_EQ(count(database), 1);
}

TEST_F(DatabaseTest, a_failed_statement_is_an_internal_error) {
    Database database(path());
    database.migrate({create_notes});

    const Error error = error_of([&] {
        database.write(
            [](Session& session) { run_sql(session, "insert into notes values (null)"); });
    });

    EXPECT_EQ(error.code(), "InternalError");
    EXPECT_THAT(error.message(), HasSubstr("catalog: "));
}

TEST_F(DatabaseTest, foreign_keys_are_enforced) {
    Database database(path());
    database.migrate({{.version = 1,
                       .name = "families",
                       .sql = "create table parents (id text primary key);\n"
                              "create table children (parent text references parents (id));\n"}});

    EXPECT_EQ(error_of([&] {
                  database.write([](Session& session) {
                      run_sql(session, "insert into children (parent) values ('nobody')");
                  });
              }).code(),
              "InternalError");
}

TEST_F(DatabaseTest, results_of_any_type_come_out_of_transactions) {
    Database database(path());
    database.migrate({create_notes});

    const auto text = database.write([](Session&) { return std::string("written"); });
    const auto moved = database.read([](Session&) { return std::make_unique<int>(3); });

    EXPECT_EQ(text, "written");
    EXPECT_EQ(*moved, 3);
}

TEST_F(DatabaseTest, readers_see_the_last_committed_state_while_a_writer_is_at_work) {
    Database database(path());
    database.migrate({create_notes});
    std::promise<void> written;
    std::promise<void> release;
    std::thread writer([&] {
        database.write([&](Session& session) {
            run_sql(session, "insert into notes (note) values ('not yet')");
            written.set_value();
            release.get_future().wait();
        });
    });
    written.get_future().wait();

    EXPECT_EQ(count(database), 0);  // hangs when readers wait for writers

    release.set_value();
    writer.join();
    EXPECT_EQ(count(database), 1);
}

TEST_F(DatabaseTest, a_reader_s_view_does_not_change_under_it) {
    Database database(path());
    database.migrate({create_notes});

    database.read([&](Session& session) {
        EXPECT_EQ(count(session), 0);
        std::thread([&] { add_note(database, "meanwhile"); }).join();
        EXPECT_EQ(count(session), 0);
    });

    EXPECT_EQ(count(database), 1);
}

TEST_F(DatabaseTest, readers_and_writers_of_many_threads_get_along) {
    Database database(path());
    database.migrate({create_notes});
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&] {
                for (int i = 0; i < 10; ++i)
                    add_note(database, "note");
            });
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i)
                    EXPECT_LE(count(database), 40);
            });
        }
    }
    EXPECT_EQ(count(database), 40);
}

TEST_F(DatabaseTest, another_process_s_writer_is_waited_for) {
    Database database(path());
    database.migrate({create_notes});
    Database other(path());  // a connection of its own, as another process has
    std::promise<void> begun;
    std::promise<void> release;
    std::thread writer([&] {
        other.write([&](Session& session) {
            run_sql(session, "insert into notes (note) values ('other')");
            begun.set_value();
            release.get_future().wait();
        });
    });
    begun.get_future().wait();
    std::thread releaser([&] { release.set_value(); });

    add_note(database, "ours");

    releaser.join();
    writer.join();
    EXPECT_EQ(count(database), 2);
}

TEST_F(DatabaseTest, a_full_disk_refuses_the_write_and_reads_go_on) {
    tests::run_on_small_file_system(
        Bytes::mebibytes(2), [](const std::filesystem::path& directory) {
            Database database((directory / "catalog.db").string());
            database.migrate({create_notes});
            add_note(database, "kept");
            std::ofstream filler(directory / "filler", std::ios::binary);
            while (filler.write(std::string(4096, 'f').data(), 4096).flush()) {
            }

            const Error error = error_of([&] { add_note(database, std::string(200'000, 'n')); });

            EXPECT_EQ(error.code(), "InsufficientInstanceCapacity") << error.message();
            EXPECT_THAT(error.message(), HasSubstr("free some space"));
            EXPECT_EQ(count(database), 1);

            remove_file(directory / "filler");
            filler.close();
            add_note(database, std::string(200'000, 'n'));
            EXPECT_EQ(count(database), 2) << "it works again without a restart";
        });
}

}  // namespace

}  // namespace kiln
