#include "base/statement.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln {

namespace {

class StatementTest : public ::testing::Test {
  protected:
    StatementTest() {
        write([](Session& session) {
            run_sql(session, "create table cells (name text, size bigint)");
        });
    }
    template <class Work>
    void write(Work&& work) {
        database_.write(std::forward<Work>(work));
    }
    template <class Work>
    auto read(Work&& work) {
        return database_.read(std::forward<Work>(work));
    }
    static void insert(Session& session, SqlValue name, SqlValue size) {
        run_sql(session, "insert into cells (name, size) values (:name, :size)",
                {{"name", std::move(name)}, {"size", std::move(size)}});
    }

  private:
    tests::TemporaryDirectory directory_;
    Database database_{(directory_.path() / "catalog.db").string()};
};

TEST_F(StatementTest, values_of_every_kind_come_back_as_they_went_in) {
    constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();
    write([&](Session& session) {
        insert(session, "'; drop table cells; -- ü", largest);
        insert(session, "", smallest);
        insert(session, {}, {});
        insert(session, std::string(1'000'000, 'x'), std::int64_t{0});

        Statement rows(session, "select name, size from cells order by rowid", {},
                       {ColumnType::text, ColumnType::number});

        ASSERT_TRUE(rows.next());
        EXPECT_EQ(rows.text(0), "'; drop table cells; -- ü");
        EXPECT_EQ(rows.number(1), largest);
        ASSERT_TRUE(rows.next());
        EXPECT_EQ(rows.text(0), "");
        EXPECT_FALSE(rows.is_null(0));
        EXPECT_EQ(rows.number(1), smallest);
        ASSERT_TRUE(rows.next());
        EXPECT_TRUE(rows.is_null(0));
        EXPECT_TRUE(rows.is_null(1));
        EXPECT_EQ(rows.text(0), "") << "not the row before";
        EXPECT_EQ(rows.number(1), 0);
        ASSERT_TRUE(rows.next());
        EXPECT_EQ(rows.text(0).size(), 1'000'000U);
        EXPECT_FALSE(rows.next());
        EXPECT_FALSE(rows.next());
    });
}

TEST_F(StatementTest, a_parameter_may_stand_at_several_places) {
    write([](Session& session) {
        insert(session, "a", std::int64_t{1});
        insert(session, "b", std::int64_t{2});

        Statement rows(session, "select name from cells where size = :n or name = 'x' || :n",
                       {{"n", std::int64_t{2}}}, {ColumnType::text});

        ASSERT_TRUE(rows.next());
        EXPECT_EQ(rows.text(0), "b");
        EXPECT_FALSE(rows.next());
    });
}

TEST_F(StatementTest, a_selection_of_nothing_has_no_rows) {
    write([](Session& session) {
        Statement rows(session, "select name from cells", {}, {ColumnType::text});
        EXPECT_FALSE(rows.next());
    });
}

TEST_F(StatementTest, a_wrong_statement_is_an_error_and_the_session_goes_on) {
    EXPECT_THROW(write([](Session& session) { run_sql(session, "selekt 1"); }), Error);
    EXPECT_THROW(write([](Session& session) { run_sql(session, "delete from nowhere"); }), Error);
    EXPECT_NO_THROW(write([](Session& session) { insert(session, "a", std::int64_t{1}); }));
}

TEST_F(StatementTest, the_same_sql_may_run_within_itself) {
    write([](Session& session) {
        for (const char* name : {"a", "b", "c"})
            insert(session, std::string(name), std::int64_t{1});
        const std::string sql = "select name from cells order by name";
        std::string pairs;
        Statement outer(session, sql, {}, {ColumnType::text});
        while (outer.next()) {
            Statement inner(session, sql, {}, {ColumnType::text});
            while (inner.next())
                pairs += outer.text(0) + inner.text(0) + " ";
        }
        EXPECT_EQ(pairs, "aa ab ac ba bb bc ca cb cc ");
    });
}

TEST_F(StatementTest, one_that_was_left_before_its_last_row_sees_what_was_written_since) {
    const std::string sql = "select name from cells order by name";
    const auto first_name = [&](Session& session) {
        Statement row(session, sql, {}, {ColumnType::text});
        EXPECT_TRUE(row.next());
        return row.text(0);
    };
    write([](Session& session) {
        for (const char* name : {"b", "c", "d"})
            insert(session, std::string(name), std::int64_t{1});
    });
    EXPECT_EQ(read(first_name), "b");
    write([](Session& session) { insert(session, std::string("a"), std::int64_t{1}); });
    EXPECT_EQ(read(first_name), "a");
}

TEST_F(StatementTest, the_same_sql_takes_values_of_other_types_and_nulls) {
    write([](Session& session) {
        const std::string sql = "select :value is null, typeof(:value)";
        const auto type_of = [&](const SqlValue& value) {
            Statement row(session, sql, {{"value", value}}, {ColumnType::number, ColumnType::text});
            EXPECT_TRUE(row.next());
            return row.text(1);
        };
        EXPECT_EQ(type_of(std::string("text")), "text");
        EXPECT_EQ(type_of(std::int64_t{1}), "integer");
        EXPECT_EQ(type_of(std::monostate()), "null");
        EXPECT_EQ(type_of(std::string("text")), "text");
    });
}

TEST_F(StatementTest, one_that_failed_works_the_next_time) {
    write([](Session& session) { run_sql(session, "create table names (name text primary key)"); });
    const auto insert_name = [](Session& session) {
        run_sql(session, "insert into names values (:name)", {{"name", std::string("once")}});
    };
    write(insert_name);
    EXPECT_THROW(write(insert_name), Error);
    write([](Session& session) { run_sql(session, "delete from names"); });
    EXPECT_NO_THROW(write(insert_name));
}

TEST_F(StatementTest, one_that_was_prepared_before_a_change_of_its_table_works_after_it) {
    const auto count = [](Session& session) {
        Statement row(session, "select count(*) from cells", {}, {ColumnType::number});
        row.next();
        return row.number(0);
    };
    EXPECT_EQ(read(count), 0);
    write([](Session& session) {
        insert(session, std::string("a"), std::int64_t{1});
        run_sql(session, "alter table cells add column more text");
    });
    EXPECT_EQ(read(count), 1);
}

}  // namespace

}  // namespace kiln
