#include "images/catalog/lineage.hpp"

#include <gmock/gmock.h>

#include "images/catalog/permission.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using testing::ElementsAre;
using tests::error_code_of;

class LineageTest : public tests::CatalogFixture {
  protected:
    LineageTest() { make_account_of_stranger(); }

    /// Made of the other, a minute later than the one before it.
    Image insert(const std::string& name, const std::optional<Image>& source = std::nullopt,
                 const std::optional<AccountId>& owner = std::nullopt) {
        Image image = this->image(name);
        image.created = now() + std::chrono::minutes(++count_);
        if (owner) image.owner = *owner;
        if (source) {
            image.source_image = source->id;
            image.source_region = source->region;
            image.origin = ImageOrigin::copy;
        }
        write([&](Session& session) { insert_image(session, image); });
        return image;
    }
    void deregister(const Image& image) {
        write([&](Session& session) {
            set_image_state(session, image.id, ImageState::deregistered);
        });
    }
    void share(const Image& image, const AccountId& with) {
        write([&](Session& session) { grant(session, image.id, with.str()); });
    }
    std::vector<std::string> ancestors_of(const Image& image) {
        std::vector<std::string> names;
        for (const Image& each :
             read([&](Session& session) { return ancestry(session, scope(), image.id); }))
            names.push_back(each.name);
        return names;
    }
    /// Names; "?" of those of which nothing is known.
    std::vector<std::string> family_of(const Image& image) {
        std::vector<std::string> names;
        for (const Relative& each :
             read([&](Session& session) { return family(session, scope(), image.id).relatives; }))
            names.push_back(each.image ? each.image->name : "?");
        return names;
    }

  private:
    int count_ = 0;
};

TEST_F(LineageTest, ancestors_go_back_to_the_first_also_through_those_that_were_deregistered) {
    const Image first = insert("first");
    const Image second = insert("second", first);
    const Image third = insert("third", second);
    deregister(second);
    deregister(first);
    EXPECT_THAT(ancestors_of(third), ElementsAre("third", "second", "first"));
    EXPECT_EQ(error_code_of([&] { ancestors_of(second); }), "InvalidAMIID.Unavailable");
}

TEST_F(LineageTest, ancestors_end_before_an_image_that_the_caller_may_not_see) {
    const Image base = insert("base", std::nullopt, stranger().owner);
    const Image foreign = insert("foreign", base, stranger().owner);
    const Image own = insert("own", foreign);
    EXPECT_THAT(ancestors_of(own), ElementsAre("own"));
    const auto line = read([&](Session& session) { return ancestry(session, scope(), own.id); });
    EXPECT_EQ(line.back().source_image, foreign.id) << "that much is its owner's own";

    share(foreign, caller().account);
    EXPECT_THAT(ancestors_of(own), ElementsAre("own", "foreign"));
    share(base, caller().account);
    EXPECT_THAT(ancestors_of(own), ElementsAre("own", "foreign", "base"));
    deregister(base);
    EXPECT_THAT(ancestors_of(own), ElementsAre("own", "foreign"))
        << "of others' images that are gone nothing is told";
}

TEST_F(LineageTest, what_others_made_an_image_of_is_told_to_who_may_see_that_one_too) {
    const Image base = insert("base", std::nullopt, stranger().owner);
    Image shared = insert("shared", base, stranger().owner);
    share(shared, caller().account);
    const auto known = [&] {
        return read([&](Session& session) {
            return known_image(session, caller().account, shared.id).value();
        });
    };
    EXPECT_FALSE(known().source_image);
    EXPECT_EQ(known().source_region, "");
    share(base, caller().account);
    EXPECT_EQ(known().source_image, base.id);
    EXPECT_FALSE(read([&](Session& session) {
        return known_image(session, caller().account, ImageId::generate());
    }));
}

TEST_F(LineageTest, a_family_is_all_that_comes_from_the_same_image) {
    const Image root = insert("root");
    const Image left = insert("left", root);
    const Image right = insert("right", root);
    const Image leaf = insert("leaf", left);
    insert("another");
    deregister(left);
    for (const Image& of : {root, right, leaf})
        EXPECT_THAT(family_of(of), ElementsAre("root", "left", "right", "leaf"));
}

TEST_F(LineageTest, a_family_reaches_into_other_regions) {
    const Image root = insert("root");
    Image copy = image("copy");
    copy.region = "local-2";
    copy.source_image = root.id;
    copy.source_region = root.region;
    copy.created = now() + std::chrono::hours(1);
    write([&](Session& session) { insert_image(session, copy); });
    EXPECT_THAT(family_of(root), ElementsAre("root", "copy"));
}

TEST_F(LineageTest, a_family_shows_of_others_what_the_caller_may_see) {
    const Image base = insert("base", std::nullopt, stranger().owner);
    const Image own = insert("own", base);
    const Image own_too = insert("own too", base);
    insert("hidden", base, stranger().owner);
    const Image shared = insert("shared", base, stranger().owner);
    share(shared, caller().account);
    EXPECT_THAT(family_of(own), ElementsAre("?", "own", "own too"))
        << "that the shared one is a relative is its owner's own business";
    share(base, caller().account);
    EXPECT_THAT(family_of(own), ElementsAre("base", "own", "own too", "shared"));
}

TEST_F(LineageTest, an_image_is_noted_with_its_origin_and_the_region_of_its_source) {
    const Image root = insert("root");
    const Image copy = insert("copy", root);
    const auto found = read([&](Session& session) { return find_image(session, copy.id).value(); });
    EXPECT_EQ(found.origin, ImageOrigin::copy);
    EXPECT_EQ(found.source_region, "local-1");
    const Image made = image_made_of(root, "made", now());
    EXPECT_EQ(made.origin, ImageOrigin::copy);
    EXPECT_EQ(made.source_region, root.region);
}

}  // namespace

}  // namespace kiln::images
