#include "images/accounts/account.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using AccountTest = tests::CatalogFixture;

TEST_F(AccountTest, a_user_keeps_the_account_of_the_first_time) {
    const AccountId root = account_of_uid(database(), 0, now());
    const AccountId nobody = account_of_uid(database(), 65534, now());

    EXPECT_NE(root, nobody);
    const auto name_of = [&](const AccountId& id) {
        return read([&](Session& session) { return get_account(session, id).name; });
    };
    EXPECT_EQ(name_of(root), "root");
    EXPECT_EQ(account_of_uid(database(), 0, now()), root);
    EXPECT_EQ(account_of_uid(database(), 65534, now()), nobody);
    const uid_t largest = 4294967294U;
    EXPECT_EQ(account_of_uid(database(), largest, now()),
              account_of_uid(database(), largest, now()));
    EXPECT_EQ(name_of(account_of_uid(database(), largest, now())), "uid 4294967294");
}

TEST_F(AccountTest, threads_that_see_a_user_first_at_once_agree) {
    constexpr int thread_count = 8;
    std::vector<std::string> accounts(thread_count);
    {
        std::vector<std::jthread> threads;
        for (std::string& account : accounts)
            threads.emplace_back([&] { account = account_of_uid(database(), 1000, now()).str(); });
    }

    EXPECT_EQ(std::set(accounts.begin(), accounts.end()).size(), 1U);
}

TEST_F(AccountTest, a_catalog_has_one_identity_and_no_other_has_it) {
    const std::string identity = catalog_identity(database());
    Database other((directory() / "other.db").string());
    other.migrate(migrations());

    EXPECT_EQ(identity.size(), 36U);
    EXPECT_EQ(catalog_identity(database()), identity);
    EXPECT_NE(catalog_identity(other), identity);
}

}  // namespace

}  // namespace kiln::images
