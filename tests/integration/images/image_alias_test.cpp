#include "images/catalog/image_alias.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::error_code_of;
using tests::error_message_of;

constexpr const char* foreign_id = "ami-0abcdef1234567890";

class ImageAliasTest : public tests::CatalogFixture {
  protected:
    ImageAliasTest() {
        write([&](Session& session) {
            insert_image(session, first_);
            insert_image(session, second_);
        });
    }
    std::optional<ImageId> set(const std::string& name, const ImageId& image) {
        return write([&](Session& session) {
            return set_image_alias(session, {.owner = caller().account,
                                             .region = caller().region,
                                             .name = name,
                                             .image = image,
                                             .updated = now()});
        });
    }
    std::string resolve(const std::string& text, bool foreign_ids = true) {
        return resolve_as(scope(), text, foreign_ids);
    }
    std::string resolve_as(const Scope& as, const std::string& text, bool foreign_ids = true) {
        return read(
            [&](Session& session) { return resolve_image_alias(session, as, text, foreign_ids); });
    }
    std::vector<std::string> names() {
        std::vector<std::string> names;
        for (const ImageAlias& alias :
             read([&](Session& session) { return list_image_aliases(session, scope()); }))
            names.push_back(alias.name);
        return names;
    }

    Image first_ = image("first");
    Image second_ = image("second");
};

TEST_F(ImageAliasTest, an_alias_stands_for_an_image_until_it_is_moved) {
    EXPECT_EQ(set("golden:latest", first_.id), std::nullopt);
    EXPECT_EQ(resolve("golden"), first_.id.str());
    EXPECT_EQ(resolve("golden:latest"), first_.id.str());
    EXPECT_EQ(set("golden:latest", second_.id), first_.id);
    EXPECT_EQ(resolve("golden"), second_.id.str());
    EXPECT_THAT(names(), ElementsAre("golden:latest"));
}

TEST_F(ImageAliasTest, an_alias_is_of_one_account_and_one_region) {
    set("golden:latest", first_.id);
    EXPECT_EQ(error_code_of([&] { resolve_as(stranger(), "golden:latest"); }),
              "InvalidAMIID.NotFound");
    EXPECT_EQ(error_code_of([&] {
                  resolve_as({.owner = caller().account, .region = "local-2"}, "golden:latest");
              }),
              "InvalidAMIID.NotFound");
}

TEST_F(ImageAliasTest, a_word_that_is_no_alias_is_refused_as_an_id_that_is_none) {
    EXPECT_EQ(error_code_of([&] { resolve("golden:v1"); }), "InvalidAMIID.NotFound");
    EXPECT_EQ(error_code_of([&] { resolve("golden"); }), "InvalidAMIID.Malformed");
    EXPECT_THAT(error_message_of([&] { resolve("golden"); }), HasSubstr("'golden:latest'"));
    for (const std::string text : {"ami-0123456789abcdef0", "aki-00000001", "Golden", "i-0123abcd"})
        EXPECT_EQ(resolve(text), text);
}

TEST_F(ImageAliasTest, an_id_of_somewhere_else_stands_for_an_image_where_that_is_allowed) {
    set(foreign_id, first_.id);
    EXPECT_EQ(resolve(foreign_id, true), first_.id.str());
    EXPECT_EQ(resolve(foreign_id, false), foreign_id);
    EXPECT_EQ(resolve(second_.id.str(), true), second_.id.str());
}

TEST_F(ImageAliasTest, an_alias_of_a_deregistered_image_stays_and_says_so) {
    set("golden:latest", first_.id);
    set(foreign_id, first_.id);
    write([&](Session& session) { set_image_state(session, first_.id, ImageState::deregistered); });
    EXPECT_EQ(error_code_of([&] { resolve("golden"); }), "InvalidAMIID.Unavailable");
    EXPECT_THAT(error_message_of([&] { resolve("golden"); }),
                HasSubstr("kiln tag-image golden:latest AMI"));
    EXPECT_EQ(resolve(foreign_id), first_.id.str()) << "as EC2 goes on to know such an id";
    EXPECT_THAT(names(), ElementsAre(foreign_id, "golden:latest"));
}

TEST_F(ImageAliasTest, an_alias_that_is_deleted_stands_for_nothing) {
    set("golden:latest", first_.id);
    const auto remove = [&] {
        return write([&](Session& session) {
            return delete_image_alias(session, scope(), "golden:latest");
        });
    };
    EXPECT_TRUE(remove());
    EXPECT_FALSE(remove());
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(ImageAliasTest, aliases_of_an_image_are_found_by_it) {
    set("b:1", first_.id);
    set("a:1", first_.id);
    set("c:1", second_.id);
    EXPECT_THAT(
        read([&](Session& session) { return aliases_of(session, caller().account, first_.id); }),
        ElementsAre("a:1", "b:1"));
}

TEST_F(ImageAliasTest, an_account_has_a_bounded_number_of_them) {
    write([&](Session& session) {
        for (int i = 0; i < max_image_aliases; ++i) {
            set_image_alias(session, {.owner = caller().account,
                                      .region = caller().region,
                                      .name = "a:" + std::to_string(i),
                                      .image = first_.id,
                                      .updated = now()});
        }
    });
    EXPECT_EQ(error_code_of([&] { set("one:more", first_.id); }), "ResourceLimitExceeded");
    EXPECT_EQ(set("a:0", second_.id), first_.id) << "moving one is no new one";
}

}  // namespace

}  // namespace kiln::images
