#include "images/catalog/tag.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::error_code_of;

class TagTest : public tests::CatalogFixture {
  protected:
    void set(const std::string& resource_id, const std::vector<Tag>& tags) {
        write([&](Session& session) { set_tags(session, scope(), resource_id, tags); });
    }
    /// "resource type key=value" of each.
    std::vector<std::string> listed(const Scope& as) {
        std::vector<std::string> lines;
        for (const TagDescription& tag :
             read([&](Session& session) { return list_tags(session, as); })) {
            lines.push_back(tag.resource_id + " " + tag.resource_type + " " + tag.tag.key + "=" +
                            tag.tag.value);
        }
        return lines;
    }
    std::string code_of_ownership(const std::string& resource_id, const Scope& as) {
        return error_code_of(
            [&] { read([&](Session& session) { check_may_tag(session, as, resource_id); }); });
    }
};

TEST_F(TagTest, tags_are_listed_by_resource_and_key) {
    set("vol-00000000000000002", {{"b", "1"}, {"a", "2"}});
    set("ami-00000000000000001", {{"Name", "golden 'one'"}});

    EXPECT_THAT(listed(scope()), ElementsAre("ami-00000000000000001 image Name=golden 'one'",
                                             "vol-00000000000000002 volume a=2",
                                             "vol-00000000000000002 volume b=1"));
    EXPECT_THAT(listed(stranger()), IsEmpty());
    EXPECT_THAT(listed({.owner = scope().owner, .region = "local-2"}), IsEmpty());
}

TEST_F(TagTest, setting_a_key_again_overwrites_its_value) {
    set("i-00000000000000001", {{"Name", "old"}, {"Stage", "test"}});
    set("i-00000000000000001", {{"Name", "new"}});

    EXPECT_THAT(listed(scope()), ElementsAre("i-00000000000000001 instance Name=new",
                                             "i-00000000000000001 instance Stage=test"));
}

TEST_F(TagTest, tags_by_resource_are_sorted_by_key) {
    set("i-00000000000000001", {{"b", "2"}, {"a", "1"}});
    set("i-00000000000000002", {{"c", ""}});

    const TagsByResource tags =
        read([&](Session& session) { return tags_by_resource(session, scope()); });

    ASSERT_EQ(tags.size(), 2U);
    const std::vector<Tag>& first = tags.at("i-00000000000000001");
    ASSERT_EQ(first.size(), 2U);
    EXPECT_EQ(first[0].key, "a");
    EXPECT_EQ(first[0].value, "1");
    EXPECT_EQ(first[1].key, "b");
    EXPECT_EQ(tags.at("i-00000000000000002")[0].value, "");
    EXPECT_TRUE(
        read([&](Session& session) { return tags_by_resource(session, stranger()); }).empty());
}

TEST_F(TagTest, a_resource_carries_fifty_tags_and_no_more) {
    std::vector<Tag> fifty;
    for (std::size_t i = 0; i < max_tags_per_resource; ++i)
        fifty.push_back({.key = "key-" + std::to_string(i), .value = "v"});
    set("i-00000000000000001", fifty);

    EXPECT_EQ(error_code_of([&] {
                  set("i-00000000000000001", {{"one-more", ""}});
              }),
              "TagLimitExceeded");
    EXPECT_EQ(error_code_of([&] { set("i-00000000000000001", {{"key-7", "overwritten"}}); }), "");
    EXPECT_EQ(error_code_of([&] { set("i-00000000000000002", {{"one-more", ""}}); }), "");
    EXPECT_EQ(listed(scope()).size(), max_tags_per_resource + 1);
}

TEST_F(TagTest, a_bad_tag_leaves_the_good_ones_of_its_call_unset) {
    EXPECT_EQ(error_code_of([&] {
                  set("i-00000000000000001", {{"good", "1"}, {"aws:bad", "2"}});
              }),
              "InvalidParameterValue");
    EXPECT_THAT(listed(scope()), IsEmpty());
}

TEST_F(TagTest, tags_go_by_key_by_key_and_value_and_altogether) {
    const std::string resource = "i-00000000000000001";
    set(resource, {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
    set("i-00000000000000002", {{"a", "1"}});

    write([&](Session& session) {
        delete_tag(session, scope(), resource, "a");
        delete_tag(session, scope(), resource, "no such key");
        delete_tag_with_value(session, scope(), resource, {.key = "b", .value = "other"});
        delete_tag_with_value(session, scope(), resource, {.key = "c", .value = "3"});
    });
    EXPECT_THAT(listed(scope()),
                ElementsAre("i-00000000000000001 instance b=2", "i-00000000000000001 instance d=4",
                            "i-00000000000000002 instance a=1"));

    write([&](Session& session) { delete_all_tags(session, resource); });
    EXPECT_THAT(listed(scope()), ElementsAre("i-00000000000000002 instance a=1"));
}

TEST_F(TagTest, only_the_owner_owns_a_resource_of_any_kind) {
    const Layer base = layer();
    const Snapshot root = snapshot(base.id);
    const Image golden = image("golden", root.id);
    const Instance running = instance(golden.id);
    const Volume data = volume();
    const KeyPair key{.id = KeyPairId::generate(),
                      .owner = scope().owner,
                      .region = scope().region,
                      .name = "k",
                      .created = now()};
    write([&](Session& session) {
        insert_layer(session, base);
        insert_snapshot(session, root);
        insert_image(session, golden);
        insert_instance(session, running);
        insert_volume(session, data);
        insert_key_pair(session, key);
    });
    const std::vector<std::pair<std::string, std::string>> not_found{
        {golden.id.str(), "InvalidAMIID.NotFound"},
        {running.id.str(), "InvalidInstanceID.NotFound"},
        {running.reservation.str(), "InvalidReservationID.NotFound"},
        {data.id.str(), "InvalidVolume.NotFound"},
        {root.id.str(), "InvalidSnapshot.NotFound"},
        {key.id.str(), "InvalidKeyPair.NotFound"},
    };
    for (const auto& [id, code] : not_found) {
        EXPECT_EQ(code_of_ownership(id, scope()), "") << id;
        EXPECT_EQ(code_of_ownership(id, stranger()), code) << id;
        EXPECT_EQ(code_of_ownership(id, {.owner = scope().owner, .region = "local-2"}), code) << id;
        const std::string unknown = id.substr(0, id.find('-')) + "-00000000000000000";
        EXPECT_EQ(code_of_ownership(unknown, scope()), code) << unknown;
    }
}

TEST_F(TagTest, each_account_has_its_own_on_what_is_shared) {
    Image shared = image("golden");
    shared.is_public = true;
    write([&](Session& session) { insert_image(session, shared); });
    const std::string id = shared.id.str();
    EXPECT_EQ(code_of_ownership(id, stranger()), "");

    write([&](Session& session) {
        set_tags(session, scope(), id, {{.key = "Name", .value = "owner's"}});
        set_tags(session, stranger(), id, {{.key = "Name", .value = "another's"}});
    });
    EXPECT_THAT(listed(scope()), ElementsAre(id + " image Name=owner's"));
    EXPECT_THAT(listed(stranger()), ElementsAre(id + " image Name=another's"));

    write([&](Session& session) { delete_tags(session, stranger(), id); });
    EXPECT_THAT(listed(scope()), ElementsAre(id + " image Name=owner's"));
    EXPECT_THAT(listed(stranger()), IsEmpty());
    write([&](Session& session) {
        set_tags(session, stranger(), id, {{.key = "Name", .value = "another's"}});
        delete_all_tags(session, id);
    });
    EXPECT_THAT(listed(scope()), IsEmpty());
    EXPECT_THAT(listed(stranger()), IsEmpty());
}

TEST_F(TagTest, ids_that_are_none_are_refused) {
    EXPECT_EQ(code_of_ownership("pl-00000000000000001", scope()), "InvalidID");
    EXPECT_EQ(code_of_ownership("", scope()), "InvalidID");
    EXPECT_EQ(code_of_ownership("ami-xyz", scope()), "InvalidAMIID.Malformed");
    EXPECT_EQ(code_of_ownership("i-1", scope()), "InvalidInstanceID.Malformed");
}

}  // namespace

}  // namespace kiln::images
