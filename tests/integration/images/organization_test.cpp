#include "images/accounts/organization.hpp"

#include <gmock/gmock.h>

#include "images/accounts/account.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::error_code_of;

class OrganizationTest : public tests::CatalogFixture {
  protected:
    OrganizationTest() {
        write([&](Session& session) {
            organization_ = found_organization(session, new_account(session), now());
        });
    }

    AccountId new_account(Session& session) {
        const AccountId id = AccountId::generate();
        insert_account(session, {.id = id, .name = "an account", .created = now()});
        return id;
    }
    AccountId new_account() {
        return write([&](Session& session) { return new_account(session); });
    }
    std::string unit(const std::string& parent, const std::string& name) {
        return write(
            [&](Session& session) { return create_unit(session, parent, name, now()).id; });
    }
    void move(const AccountId& account, const std::string& parent) {
        write([&](Session& session) { move_account(session, account, parent); });
    }
    std::vector<std::string> unit_names() {
        std::vector<std::string> names;
        for (const auto& unit : read([](Session& session) { return list_units(session); }))
            names.push_back(unit.name);
        return names;
    }
    const std::string& root() const { return organization_->root; }

    std::optional<Organization> organization_;
};

TEST_F(OrganizationTest, is_founded_once) {
    write([&](Session& session) {
        EXPECT_EQ(found_organization(session, new_account(session), now()).id, organization_->id);
    });
    EXPECT_TRUE(is_organization_arn(organization_arn(*organization_)));
    EXPECT_FALSE(is_unit_arn(organization_arn(*organization_)));
}

TEST_F(OrganizationTest, units_have_names_that_differ_within_their_parent) {
    const std::string lab = unit(root(), "lab");
    unit(lab, "a");
    unit(root(), "a");
    EXPECT_EQ(error_code_of([&] { unit(root(), "a"); }), "DuplicateOrganizationalUnitException");
    EXPECT_EQ(error_code_of([&] { unit(root(), ""); }), "InvalidInputException");
    EXPECT_EQ(error_code_of([&] { unit("ou-none-12345678", "b"); }), "ParentNotFoundException");
    EXPECT_THAT(unit_names(), ElementsAre("a", "a", "lab"));
    EXPECT_TRUE(is_unit_arn(unit_arn(*organization_, lab)));
    EXPECT_FALSE(is_organization_arn(unit_arn(*organization_, lab)));
}

TEST_F(OrganizationTest, units_are_renamed) {
    const std::string lab = unit(root(), "lab");
    unit(root(), "shop");
    const auto rename = [&](const std::string& id, const std::string& name) {
        write([&](Session& session) { rename_unit(session, id, name); });
    };
    rename(lab, "lab");
    EXPECT_EQ(error_code_of([&] { rename(lab, "shop"); }), "DuplicateOrganizationalUnitException");
    rename(lab, "school");
    EXPECT_THAT(unit_names(), ElementsAre("school", "shop"));
    EXPECT_EQ(error_code_of([&] { rename("ou-none-12345678", "x"); }),
              "OrganizationalUnitNotFoundException");
}

TEST_F(OrganizationTest, units_are_nested_five_deep) {
    std::string deepest = root();
    for (const char* name : {"1", "2", "3", "4", "5"})
        deepest = unit(deepest, name);
    EXPECT_EQ(error_code_of([&] { unit(deepest, "6"); }), "ConstraintViolationException");
}

TEST_F(OrganizationTest, a_unit_is_deleted_when_nothing_is_in_it) {
    const std::string lab = unit(root(), "lab");
    const std::string inner = unit(lab, "inner");
    const AccountId account = new_account();
    move(account, inner);
    const auto remove = [&](const std::string& id) {
        write([&](Session& session) { delete_unit(session, id); });
    };
    EXPECT_EQ(error_code_of([&] { remove(lab); }), "OrganizationalUnitNotEmptyException");
    EXPECT_EQ(error_code_of([&] { remove(inner); }), "OrganizationalUnitNotEmptyException");
    move(account, root());
    remove(inner);
    remove(lab);
    EXPECT_THAT(unit_names(), IsEmpty());
    EXPECT_EQ(error_code_of([&] { remove(lab); }), "OrganizationalUnitNotFoundException");
}

TEST_F(OrganizationTest, accounts_are_moved_to_where_something_is) {
    const AccountId account = new_account();
    EXPECT_EQ(error_code_of([&] { move(account, "r-none"); }),
              "DestinationParentNotFoundException");
    EXPECT_EQ(error_code_of([&] { move(AccountId::generate(), root()); }),
              "AccountNotFoundException");
}

}  // namespace

}  // namespace kiln::images
