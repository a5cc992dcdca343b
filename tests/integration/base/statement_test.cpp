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

}  // namespace

}  // namespace kiln
