#include <gmock/gmock.h>

#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* foreign_id = "ami-0abcdef1234567890";

class LineageActionsTest : public ActionsTest {
  protected:
    std::string capture(const std::string& instance, const std::string& name) {
        const std::string id =
            done("CreateImage", {{"InstanceId", instance}, {"Name", name}, {"NoReboot", "true"}})
                .text("//imageId");
        settle();
        return id;
    }
    std::string copy(const std::string& source, const std::string& name) {
        const std::string id =
            done("CopyImage",
                 {{"SourceImageId", source}, {"SourceRegion", "local-1"}, {"Name", name}})
                .text("//imageId");
        settle();
        return id;
    }
    void tag(const std::string& alias, const std::string& image) {
        done("SetImageAlias", {{"Alias", alias}, {"ImageId", image}});
    }
    std::string insert_named(const std::string& name, int minute,
                             images::ImageState state = images::ImageState::available) {
        images::Image image = this->image(name);
        image.created = now() + std::chrono::minutes(minute);
        image.state = state;
        write([&](Session& session) { images::insert_image(session, image); });
        return image.id.str();
    }
    std::vector<std::string> latest(WirePairs pairs = {}) {
        pairs.emplace_back("Latest", "true");
        pairs.emplace_back("Owner.1", "self");
        return done("DescribeImages", pairs).texts("//imagesSet/item/name");
    }
    std::string message_of(const std::string& action, const WirePairs& pairs) {
        return send(action, pairs).text("/Response/Errors/Error/Message");
    }
};

TEST_F(LineageActionsTest, an_image_tells_what_it_was_made_of_after_that_is_gone) {
    const std::string instance = launch();
    const std::string captured = capture(instance, "captured");
    done("DeregisterImage", {{"ImageId", golden().str()}});
    done("TerminateInstances", {{"InstanceId.1", instance}});
    settle();
    const Answer image = done("DescribeImages", {{"ImageId.1", captured}});
    EXPECT_EQ(image.text("//sourceImageId"), golden().str());
    EXPECT_EQ(image.text("//sourceImageRegion"), "local-1");
    EXPECT_EQ(image.text("//sourceInstanceId"), instance);

    const Answer line = done("GetImageAncestry", {{"ImageId", captured}});
    EXPECT_THAT(line.texts("//imageAncestryEntrySet/item/imageId"),
                ElementsAre(captured, golden().str()));
    EXPECT_THAT(line.texts("//imageAncestryEntrySet/item/sourceImageId"),
                ElementsAre(golden().str()));
    EXPECT_THAT(line.texts("//imageAncestryEntrySet/item/sourceImageRegion"),
                ElementsAre("local-1"));
    EXPECT_THAT(line.texts("//imageAncestryEntrySet/item/creationDate"), SizeIs(2));
}

TEST_F(LineageActionsTest, a_copy_tells_the_region_that_it_comes_from) {
    done("CreateRegion", {{"Name", "local-2"}});
    go_to("local-2");
    const std::string copied = copy(golden().str(), "copied");
    const Answer image = done("DescribeImages", {{"ImageId.1", copied}});
    EXPECT_EQ(image.text("//sourceImageRegion"), "local-1");
    EXPECT_THAT(done("DescribeImages",
                     {{"Filter.1.Name", "source-image-region"}, {"Filter.1.Value.1", "local-1"}})
                    .texts("//imagesSet/item/imageId"),
                ElementsAre(copied));
    EXPECT_THAT(done("GetImageAncestry", {{"ImageId", copied}}).texts("//item/imageId"),
                ElementsAre(copied, golden().str()));
}

TEST_F(LineageActionsTest, ancestors_of_what_one_may_not_see_are_not_told) {
    become_stranger();
    EXPECT_EQ(send("GetImageAncestry", {{"ImageId", golden().str()}}).code,
              "InvalidAMIID.NotFound");
    EXPECT_EQ(send("DescribeImageFamily", {{"ImageId", golden().str()}}).code,
              "InvalidAMIID.NotFound");
}

TEST_F(LineageActionsTest, a_family_has_every_relative_with_how_it_came_to_be) {
    const std::string captured = capture(launch(), "captured");
    const std::string copied = copy(captured, "copied");
    tag("web", captured);
    const Answer family = done("DescribeImageFamily", {{"ImageId", copied}});
    EXPECT_THAT(family.texts("//relativeSet/item/imageId"),
                ElementsAre(golden().str(), captured, copied));
    EXPECT_THAT(family.texts("//relativeSet/item/origin"), ElementsAre("capture", "copy"));
    EXPECT_THAT(family.texts("//relativeSet/item/aliasSet/item"), ElementsAre("web:latest"));
    EXPECT_THAT(family.texts("//relativeSet/item/imageState"),
                ElementsAre("available", "available", "available"));
    EXPECT_EQ(family.text("//truncated"), "");
}

TEST_F(LineageActionsTest, a_family_comes_in_pages) {
    for (int i = 0; i < 6; ++i)
        copy(golden().str(), "copy-" + std::to_string(i));
    const Answer first =
        done("DescribeImageFamily", {{"ImageId", golden().str()}, {"MaxResults", "5"}});
    EXPECT_THAT(first.texts("//relativeSet/item"), SizeIs(5));
    const Answer second = done("DescribeImageFamily", {{"ImageId", golden().str()},
                                                       {"MaxResults", "5"},
                                                       {"NextToken", first.text("//nextToken")}});
    EXPECT_THAT(second.texts("//relativeSet/item"), SizeIs(2));
    EXPECT_EQ(second.text("//nextToken"), "");
}

TEST_F(LineageActionsTest, an_alias_stands_wherever_an_image_does) {
    tag("golden", golden().str());
    const std::string instance = done("RunInstances", {{"ImageId", "golden:latest"},
                                                       {"InstanceType", "t3.micro"},
                                                       {"MinCount", "1"},
                                                       {"MaxCount", "1"}})
                                     .text("//instancesSet/item/imageId");
    EXPECT_EQ(instance, golden().str());
    settle();
    EXPECT_THAT(done("DescribeImages", {{"ImageId.1", "golden"}}).texts("//imagesSet/item/imageId"),
                ElementsAre(golden().str()));
    done("ModifyImageAttribute", {{"ImageId", "golden"}, {"Description.Value", "by its alias"}});
    EXPECT_EQ(done("DescribeImageAttribute", {{"ImageId", "golden"}, {"Attribute", "description"}})
                  .text("//description/value"),
              "by its alias");
    done("CreateTags", {{"ResourceId.1", "golden"}, {"Tag.1.Key", "k"}, {"Tag.1.Value", "v"}});
    EXPECT_EQ(done("DescribeImages", {{"ImageId.1", "golden"}}).text("//tagSet/item/key"), "k");
    EXPECT_THAT(done("DescribeImageReferences",
                     {{"ImageId.1", "golden"}, {"IncludeAllResourceTypes", "true"}})
                    .texts("//imageReferenceSet/item/imageId"),
                ElementsAre(golden().str()));
    done("DeregisterImage", {{"ImageId", "golden"}});
    EXPECT_EQ(send("RunInstances", {{"ImageId", "golden"}}).code, "InvalidAMIID.Unavailable");
    EXPECT_THAT(message_of("RunInstances", {{"ImageId", "golden"}}),
                HasSubstr("'golden:latest' stands for the image '" + golden().str() +
                          "', which was deregistered"));
}

TEST_F(LineageActionsTest, an_alias_of_a_copys_source_is_one_of_the_region_of_the_source) {
    tag("golden", golden().str());
    done("CreateRegion", {{"Name", "local-2"}});
    go_to("local-2");
    copy("golden", "copied");
    EXPECT_EQ(done("DescribeImages", images_alone()).text("//sourceImageId"), golden().str());
    EXPECT_EQ(send("DescribeImages", {{"ImageId.1", "golden:latest"}}).code,
              "InvalidAMIID.NotFound");
}

TEST_F(LineageActionsTest, aliases_are_moved_listed_and_deleted) {
    const std::string copied = copy(golden().str(), "copied");
    tag("golden", golden().str());
    tag("golden:v1", "golden");
    const Answer moved = done("SetImageAlias", {{"Alias", "golden"}, {"ImageId", copied}});
    EXPECT_EQ(moved.text("//alias"), "golden:latest");
    EXPECT_EQ(moved.text("//imageId"), copied);
    EXPECT_EQ(moved.text("//previousImageId"), golden().str());
    const Answer all = done("DescribeImageAliases");
    EXPECT_THAT(all.texts("//imageAliasSet/item/alias"), ElementsAre("golden:latest", "golden:v1"));
    EXPECT_THAT(all.texts("//imageAliasSet/item/imageId"), ElementsAre(copied, golden().str()));
    EXPECT_THAT(
        done("DescribeImageAliases", {{"ImageId.1", copied}}).texts("//imageAliasSet/item/alias"),
        ElementsAre("golden:latest"));
    EXPECT_THAT(done("DescribeImageAliases",
                     {{"Filter.1.Name", "alias"}, {"Filter.1.Value.1", "golden:v*"}})
                    .texts("//imageAliasSet/item/alias"),
                ElementsAre("golden:v1"));
    done("DeleteImageAlias", {{"Alias", "golden"}});
    EXPECT_EQ(send("DeleteImageAlias", {{"Alias", "golden"}}).code, "InvalidImageAlias.NotFound");
    EXPECT_THAT(done("DescribeImageAliases").texts("//imageAliasSet/item/alias"),
                ElementsAre("golden:v1"));
}

TEST_F(LineageActionsTest, aliases_are_refused_that_cannot_be_or_are_of_what_one_may_not_see) {
    for (const char* alias : {"ami-web", "Golden", "a:b:c", "i-0123456789abcdef0"}) {
        EXPECT_EQ(send("SetImageAlias", {{"Alias", alias}, {"ImageId", golden().str()}}).code,
                  "InvalidParameterValue")
            << alias;
    }
    EXPECT_EQ(send("SetImageAlias", {{"Alias", "web"}, {"ImageId", "ami-0123456789abcdef0"}}).code,
              "InvalidAMIID.NotFound");
    EXPECT_EQ(
        send("SetImageAlias", {{"Alias", "web"}, {"ImageId", golden().str()}, {"DryRun", "true"}})
            .code,
        "DryRunOperation");
    EXPECT_THAT(done("DescribeImageAliases").texts("//alias"), IsEmpty());
    tag("web", golden().str());
    become_stranger();
    EXPECT_EQ(send("SetImageAlias", {{"Alias", "web"}, {"ImageId", golden().str()}}).code,
              "InvalidAMIID.NotFound");
    EXPECT_EQ(send("DescribeImages", {{"ImageId.1", "web:latest"}}).code, "InvalidAMIID.NotFound");
    EXPECT_EQ(send("DeleteImageAlias", {{"Alias", "web"}}).code, "InvalidImageAlias.NotFound");
}

TEST_F(LineageActionsTest, an_alias_gives_no_permission_that_its_account_has_lost) {
    const std::string shared = insert_shared_image();
    tag("theirs", shared);
    write([&](Session& session) {
        images::revoke(session, ImageId(shared), caller().account.str());
    });
    EXPECT_EQ(send("RunInstances", {{"ImageId", "theirs"}}).code, "AuthFailure");
    EXPECT_EQ(send("DescribeImages", {{"ImageId.1", "theirs"}}).code, "InvalidAMIID.NotFound");
}

TEST_F(LineageActionsTest, a_launch_template_keeps_the_alias_which_counts_at_the_launch) {
    const WirePairs made{{"LaunchTemplateName", "web"},
                         {"LaunchTemplateData.ImageId", "golden:web"},
                         {"LaunchTemplateData.InstanceType", "t3.micro"}};
    EXPECT_EQ(send("CreateLaunchTemplate", made).code, "InvalidAMIID.NotFound");
    tag("golden:web", golden().str());
    done("CreateLaunchTemplate", made);
    EXPECT_EQ(done("DescribeLaunchTemplateVersions", {{"LaunchTemplateName", "web"}})
                  .text("//launchTemplateData/imageId"),
              "golden:web");
    const std::string copied = copy(golden().str(), "copied");
    tag("golden:web", copied);
    const Answer launched =
        done("RunInstances",
             {{"LaunchTemplate.LaunchTemplateName", "web"}, {"MinCount", "1"}, {"MaxCount", "1"}});
    settle();
    EXPECT_EQ(launched.text("//instancesSet/item/imageId"), copied);
    EXPECT_THAT(done("DescribeImageReferences",
                     {{"ImageId.1", copied}, {"IncludeAllResourceTypes", "true"}})
                    .texts("//imageReferenceSet/item/resourceType"),
                ElementsAre("ec2:Instance", "ec2:LaunchTemplate"));
    done("DeleteImageAlias", {{"Alias", "golden:web"}});
    EXPECT_EQ(send("RunInstances", {{"LaunchTemplate.LaunchTemplateName", "web"}}).code,
              "InvalidAMIID.NotFound");
    EXPECT_THAT(done("DescribeImageReferences",
                     {{"ImageId.1", copied}, {"IncludeAllResourceTypes", "true"}})
                    .texts("//imageReferenceSet/item/resourceType"),
                ElementsAre("ec2:Instance"));
}

TEST_F(LineageActionsTest, ids_of_somewhere_else_are_aliases_only_where_that_is_set) {
    const WirePairs alias{{"Alias", foreign_id}, {"ImageId", golden().str()}};
    EXPECT_EQ(send("SetImageAlias", alias).code, "InvalidParameterValue");
    EXPECT_THAT(message_of("SetImageAlias", alias), HasSubstr("foreign_image_aliases: true"));
    settings().foreign_image_aliases = true;
    done("SetImageAlias", alias);
    EXPECT_EQ(send("SetImageAlias", {{"Alias", golden().str()}, {"ImageId", golden().str()}}).code,
              "InvalidParameterValue")
        << "that is one of here";
    settings().foreign_image_aliases = false;
    EXPECT_EQ(send("DescribeImages", {{"ImageId.1", foreign_id}}).code, "InvalidAMIID.NotFound");
}

TEST_F(LineageActionsTest, what_is_asked_for_by_an_id_of_somewhere_else_has_that_id) {
    settings().foreign_image_aliases = true;
    tag(foreign_id, golden().str());
    const Answer image = done("DescribeImages", {{"ImageId.1", foreign_id}});
    EXPECT_THAT(image.texts("//imagesSet/item/imageId"), ElementsAre(foreign_id));
    EXPECT_EQ(image.text("//rootDeviceName"), "/dev/sda1");
    EXPECT_THAT(done("DescribeImages", images_alone()).texts("//imagesSet/item/imageId"),
                ElementsAre(golden().str()));

    const Answer launched = done("RunInstances", {{"ImageId", foreign_id},
                                                  {"InstanceType", "t3.micro"},
                                                  {"MinCount", "1"},
                                                  {"MaxCount", "1"}});
    settle();
    EXPECT_EQ(launched.text("//instancesSet/item/imageId"), foreign_id);
    EXPECT_EQ(done("DescribeInstances").text("//instancesSet/item/imageId"), foreign_id)
        << "clients compare it with what they asked for";
    for (const std::string& id : {std::string(foreign_id), golden().str()}) {
        EXPECT_THAT(
            done("DescribeInstances", {{"Filter.1.Name", "image-id"}, {"Filter.1.Value.1", id}})
                .texts("//instancesSet/item/instanceId"),
            SizeIs(1))
            << id;
    }
}

TEST_F(LineageActionsTest, a_launch_template_may_name_an_id_of_somewhere_else) {
    settings().foreign_image_aliases = true;
    tag(foreign_id, golden().str());
    done("CreateLaunchTemplate", {{"LaunchTemplateName", "web"},
                                  {"LaunchTemplateData.ImageId", foreign_id},
                                  {"LaunchTemplateData.InstanceType", "t3.micro"}});
    const Answer launched =
        done("RunInstances",
             {{"LaunchTemplate.LaunchTemplateName", "web"}, {"MinCount", "1"}, {"MaxCount", "1"}});
    settle();
    EXPECT_EQ(launched.text("//instancesSet/item/imageId"), foreign_id);
}

TEST_F(LineageActionsTest, the_latest_images_are_the_newest_of_each_name) {
    insert_named("web-v1", 1);
    insert_named("web-v2", 2);
    insert_named("db 2026-11-29", 4);
    insert_named("db 2026-11-30", 3);
    insert_named("web-v3", 5, images::ImageState::pending);
    EXPECT_THAT(latest(), ElementsAre("golden", "web-v2", "db 2026-11-29"));
    EXPECT_THAT(latest({{"Filter.1.Name", "name"}, {"Filter.1.Value.1", "web-*"}}),
                ElementsAre("web-v2"));
    EXPECT_THAT(latest({{"Filter.1.Name", "name"}, {"Filter.1.Value.1", "web-v1"}}),
                ElementsAre("web-v1"));
}

TEST_F(LineageActionsTest, the_latest_images_are_each_owners_and_come_in_pages) {
    images::Image other = image("golden");
    other.owner = stranger().owner;
    other.created = now() + std::chrono::hours(9);
    write([&](Session& session) {
        images::insert_image(session, other);
        images::grant(session, other.id, caller().account.str());
    });
    EXPECT_THAT(
        done("DescribeImages",
             {{"Latest", "true"}, {"Filter.1.Name", "name"}, {"Filter.1.Value.1", "golden"}})
            .texts("//imagesSet/item/imageId"),
        SizeIs(2));
    for (const char* family : {"a", "b", "c", "d", "e", "f"})
        for (int version = 1; version <= 3; ++version)
            insert_named(family + std::string("-") + std::to_string(version), version);
    WirePairs pairs{{"Latest", "true"}, {"Owner.1", "self"}, {"MaxResults", "5"}};
    std::vector<std::string> names;
    for (std::string token = "first"; !token.empty();) {
        const Answer page = done("DescribeImages", pairs);
        for (const std::string& name : page.texts("//imagesSet/item/name"))
            names.push_back(name);
        token = page.text("//nextToken");
        if (pairs.size() > 3) pairs.pop_back();
        pairs.emplace_back("NextToken", token);
    }
    EXPECT_THAT(names,
                testing::UnorderedElementsAre("golden", "a-3", "b-3", "c-3", "d-3", "e-3", "f-3"));
}

}  // namespace

}  // namespace kiln::api::tests
