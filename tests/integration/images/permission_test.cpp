#include "images/catalog/permission.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "images/accounts/account.hpp"
#include "images/accounts/organization.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PermissionTest : public tests::CatalogFixture {
  protected:
    PermissionTest() {
        write([&](Session& session) {
            organization_ = found_organization(session, caller().account, now());
        });
    }

    AccountId new_account() {
        return write([&](Session& session) {
            const AccountId id = AccountId::generate();
            insert_account(session, {.id = id, .name = "an account", .created = now()});
            return id;
        });
    }
    std::string new_unit(const std::string& parent, const std::string& name) {
        return write(
            [&](Session& session) { return create_unit(session, parent, name, now()).id; });
    }
    void move(const AccountId& account, const std::string& parent) {
        write([&](Session& session) { move_account(session, account, parent); });
    }
    ImageId new_image(const std::string& name) {
        const Image image = this->image(name);
        write([&](Session& session) { insert_image(session, image); });
        return image.id;
    }
    void share(const ImageId& image, const std::string& grantee) {
        write([&](Session& session) { grant(session, image, grantee); });
    }
    void unshare(const ImageId& image, const std::string& grantee) {
        write([&](Session& session) { revoke(session, image, grantee); });
    }
    bool may_use(const ImageId& image, const AccountId& account) {
        return read([&](Session& session) { return is_shared_with(session, image, account); });
    }
    std::string arn_of(const std::string& unit) { return unit_arn(*organization_, unit); }
    const std::string& root() const { return organization_->root; }

    std::optional<Organization> organization_;
};

TEST_F(PermissionTest, is_given_to_accounts_by_their_id) {
    const AccountId friendly = new_account();
    const AccountId other = new_account();
    const ImageId image = new_image("golden");
    EXPECT_FALSE(may_use(image, friendly));
    share(image, friendly.str());
    share(image, friendly.str());
    EXPECT_TRUE(may_use(image, friendly));
    EXPECT_FALSE(may_use(image, other));
    EXPECT_FALSE(may_use(new_image("another"), friendly));
    unshare(image, friendly.str());
    unshare(image, friendly.str());
    EXPECT_FALSE(may_use(image, friendly));
}

TEST_F(PermissionTest, is_given_to_everybody_beside_others) {
    const AccountId friendly = new_account();
    const ImageId image = new_image("golden");
    share(image, everybody);
    share(image, friendly.str());
    const auto grantees = [&] {
        return read([&](Session& session) { return grantees_of(session, image); });
    };
    EXPECT_THAT(grantees(), ElementsAre(friendly.str(), everybody));
    EXPECT_TRUE(may_use(image, AccountId::generate())) << "of whom nothing is known";
    unshare(image, everybody);
    EXPECT_TRUE(may_use(image, friendly));
    unshare(image, friendly.str());
    EXPECT_THAT(grantees(), IsEmpty());
}

TEST_F(PermissionTest, is_given_to_all_below_a_unit_while_they_are_there) {
    const std::string lab = new_unit(root(), "lab");
    const std::string inner = new_unit(lab, "inner");
    const AccountId account = new_account();
    const ImageId image = new_image("golden");
    share(image, arn_of(lab));
    EXPECT_FALSE(may_use(image, account));
    move(account, inner);
    EXPECT_TRUE(may_use(image, account));
    move(account, root());
    EXPECT_FALSE(may_use(image, account));
    share(image, organization_arn(*organization_));
    EXPECT_TRUE(may_use(image, account));
}

/// What the catalog should decide, in the plainest way.
struct Model {
    std::map<ImageId, std::set<std::string>> grantees;
    std::map<AccountId, std::string> place;      // unit, or the root
    std::map<std::string, std::string> parents;  // of units
    std::map<std::string, std::string> arn_of_unit;
    std::string organization;

    bool allows(const ImageId& image, const AccountId& account) const {
        const auto& allowed = grantees.at(image);
        if (allowed.contains(everybody) || allowed.contains(account.str()) ||
            allowed.contains(organization)) {
            return true;
        }
        for (std::string unit = place.at(account); parents.contains(unit); unit = parents.at(unit))
            if (allowed.contains(arn_of_unit.at(unit))) return true;
        return false;
    }
};

class RandomPermissions : public PermissionTest {
  protected:
    static constexpr int steps = 5000;

    RandomPermissions() {
        model_.organization = organization_arn(*organization_);
        units_.push_back(root());
        for (int i = 0; i < 12; ++i)
            add_unit(fmt::format("unit {}", i));
        for (int i = 0; i < 10; ++i) {
            accounts_.push_back(new_account());
            model_.place[accounts_.back()] = root();
        }
        for (int i = 0; i < 8; ++i) {
            images_.push_back(new_image(fmt::format("image {}", i)));
            model_.grantees[images_.back()];
        }
    }

    template <class T>
    const T& any(const std::vector<T>& of) {
        return of[random_() % of.size()];
    }
    std::string any_grantee() {
        switch (random_() % 8) {
            case 0:
                return everybody;
            case 1:
                return model_.organization;
            case 2:
            case 3:
            case 4: {
                const std::string& unit = any(units_);
                return unit == root() ? any(accounts_).str() : model_.arn_of_unit.at(unit);
            }
            default:
                return any(accounts_).str();
        }
    }
    void step() {
        const ImageId& image = any(images_);
        const std::string grantee = any_grantee();
        switch (random_() % 4) {
            case 0:
                share(image, grantee);
                model_.grantees[image].insert(grantee);
                return;
            case 1:
            case 2:
                unshare(image, grantee);
                model_.grantees[image].erase(grantee);
                return;
            default: {
                const AccountId& account = any(accounts_);
                const std::string& unit = any(units_);
                move(account, unit);
                model_.place[account] = unit;
            }
        }
    }
    /// Of one image for all accounts, and of one account for all images.
    int wrong_decisions() {
        int wrong = 0;
        const ImageId& image = any(images_);
        for (const AccountId& account : accounts_)
            wrong += may_use(image, account) == model_.allows(image, account) ? 0 : 1;
        const AccountId& account = any(accounts_);
        std::set<ImageId> seen;
        for (const Image& shown : read([&](Session& session) {
                 return list_images(session, {.owner = account, .region = caller().region}, {});
             })) {
            seen.insert(shown.id);
        }
        for (const ImageId& id : images_)
            wrong += seen.contains(id) == model_.allows(id, account) ? 0 : 1;
        return wrong;
    }

  private:
    void add_unit(const std::string& name) {
        const std::string parent = units_[random_() % std::min<std::size_t>(units_.size(), 4)];
        const std::string unit = new_unit(parent, name);
        units_.push_back(unit);
        model_.parents[unit] = parent;
        model_.arn_of_unit[unit] = arn_of(unit);
    }

    std::mt19937 random_{20'261'128};  // NOLINT(cert-msc32-c,cert-msc51-cpp): repeatable
    Model model_;
    std::vector<std::string> units_;
    std::vector<AccountId> accounts_;
    std::vector<ImageId> images_;
};

TEST_F(RandomPermissions, are_decided_as_the_model_does) {
    int wrong = 0;
    for (int i = 0; i < steps; ++i) {
        step();
        wrong += wrong_decisions();
    }
    EXPECT_EQ(wrong, 0);
}

}  // namespace

}  // namespace kiln::images
