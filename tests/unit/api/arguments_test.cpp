#include "api/protocol/arguments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"

namespace kiln::api {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::vector<Parameter> sample_parameters() {
    return {
        {.name = "ImageId", .wire = "ImageId", .required = true},
        {.name = "InstanceIds", .wire = "InstanceId", .list = true},
        {.name = "MinCount", .wire = "MinCount", .shape = Shape::integer},
        {.name = "Attribute", .wire = "Attribute", .choices = {"launchPermission", "description"}},
        {.name = "UserData", .wire = "UserData", .shape = Shape::blob},
        attribute_value("Kernel", "The kernel"),
        dry_run_parameter(),
        filters_parameter(),
        block_device_mappings_parameter()};
}

Arguments parse(Pairs pairs) {
    pairs.emplace_back("ImageId", "ami-1");
    return parse_arguments(sample_parameters(), pairs);
}

struct Refused {
    const char* name;
    Pairs pairs;
    const char* code;
    const char* message;
};

class RefusedArguments : public testing::TestWithParam<Refused> {};

TEST_P(RefusedArguments, are_told_what_is_wrong_with_them) {
    try {
        parse(GetParam().pairs);
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), GetParam().code);
        EXPECT_EQ(error.message(), GetParam().message);
    }
}

Pairs too_many_pairs() {
    Pairs pairs;
    for (int i = 1; i <= 1000; ++i)
        pairs.emplace_back("InstanceId." + std::to_string(i), "i-1");
    return pairs;
}

INSTANTIATE_TEST_SUITE_P(
    arguments, RefusedArguments,
    testing::Values(
        Refused{"typing_error",
                {{"MinCont", "1"}},
                "UnknownParameter",
                "The parameter MinCont is not recognized; did you mean MinCount?"},
        Refused{"nothing_near",
                {{"Xyzzy", "1"}},
                "UnknownParameter",
                "The parameter Xyzzy is not recognized"},
        Refused{"unknown_member",
                {{"BlockDeviceMapping.1.Ebs.VolumeSise", "1"}},
                "UnknownParameter",
                "The parameter BlockDeviceMapping.1.Ebs.VolumeSise is not recognized; did you mean "
                "BlockDeviceMapping.1.Ebs.VolumeSize?"},
        Refused{"list_without_index",
                {{"InstanceId", "i-1"}},
                "UnknownParameter",
                "The parameter InstanceId is not recognized; did you mean InstanceId.1?"},
        Refused{"index_zero",
                {{"InstanceId.0", "i-1"}},
                "UnknownParameter",
                "The parameter InstanceId.0 is not recognized"},
        Refused{"index_too_large",
                {{"InstanceId.1001", "i-1"}},
                "InvalidParameterValue",
                "The index of InstanceId.1001 is over 1000"},
        Refused{"same_index_twice",
                {{"InstanceId.1", "i-1"}, {"InstanceId.01", "i-2"}},
                "InvalidParameterValue",
                "The parameter InstanceId.1 is given twice"},
        Refused{"member_of_a_scalar",
                {{"MinCount.1", "2"}},
                "UnknownParameter",
                "The parameter MinCount.1 is not recognized"},
        Refused{"value_of_a_structure",
                {{"Kernel", "aki-1"}},
                "InvalidParameterValue",
                "Value (aki-1) for parameter Kernel is invalid. It has members: give them by name"},
        Refused{"too_deep",
                {{"Filter.1.Value.1.1.1.1.1.1", "x"}},
                "UnknownParameter",
                "The parameter Filter.1.Value.1.1.1.1.1.1 is not recognized: it has more than 8 "
                "parts"},
        Refused{"given_twice",
                {{"MinCount", "1"}, {"MinCount", "2"}},
                "InvalidParameterValue",
                "The parameter MinCount is given twice"},
        Refused{"not_a_number",
                {{"MinCount", "1.5"}},
                "InvalidParameterValue",
                "Value (1.5) for parameter MinCount is invalid. It must be a whole number"},
        Refused{"not_a_boolean",
                {{"DryRun", "maybe"}},
                "InvalidParameterValue",
                "Value (maybe) for parameter DryRun is invalid. It must be true or false"},
        Refused{"not_a_choice",
                {{"Attribute", "colour"}},
                "InvalidParameterValue",
                "Value (colour) for parameter Attribute is invalid. It must be one of: "
                "launchPermission, description"},
        Refused{"not_base64",
                {{"UserData", "#!/bin/sh"}},
                "InvalidParameterValue",
                "Invalid BASE64 encoding of UserData"},
        Refused{"member_missing",
                {{"Filter.1.Value.1", "x"}},
                "MissingParameter",
                "The request must contain the parameter Filter.1.Name"},
        Refused{"too_many", too_many_pairs(), "InvalidParameterValue",
                "The request has more than 1000 parameters"}),
    [](const auto& test) { return test.param.name; });

TEST(Arguments, a_required_parameter_that_is_empty_is_missing) {
    try {
        parse_arguments(sample_parameters(), {{"ImageId", ""}});
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "MissingParameter");
        EXPECT_EQ(error.message(), "The request must contain the parameter ImageId");
    }
}

TEST(Arguments, empty_values_count_as_absent_but_can_be_told_apart) {
    const Arguments arguments =
        parse({{"MinCount", ""}, {"UserData", ""}, {"BlockDeviceMapping.1.NoDevice", ""}});

    EXPECT_FALSE(arguments.has("MinCount"));
    EXPECT_EQ(arguments.integer("MinCount"), std::nullopt);
    EXPECT_EQ(arguments.text("UserData"), std::nullopt);
    EXPECT_EQ(arguments.text_or_empty("UserData"), "");
    EXPECT_EQ(arguments.text_or_empty("DryRun"), std::nullopt);
    const Arguments mapping = arguments.structures("BlockDeviceMapping").front();
    EXPECT_EQ(mapping.text_or_empty("NoDevice"), "");
}

TEST(Arguments, a_list_keeps_the_order_of_its_indices_which_may_have_gaps) {
    const Arguments arguments =
        parse({{"InstanceId.10", "i-c"}, {"InstanceId.2", "i-b"}, {"InstanceId.1", "i-a"}});

    EXPECT_EQ(arguments.texts("InstanceId"), (std::vector<std::string>{"i-a", "i-b", "i-c"}));
}

TEST(Arguments, nested_structures_are_found_by_their_names) {
    const Arguments arguments = parse({{"BlockDeviceMapping.1.DeviceName", "/dev/sdb"},
                                       {"BlockDeviceMapping.1.Ebs.VolumeSize", "8"},
                                       {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "False"}});

    const auto mappings = arguments.structures("BlockDeviceMapping");
    ASSERT_EQ(mappings.size(), 1U);
    EXPECT_EQ(mappings[0].text("DeviceName"), "/dev/sdb");
    EXPECT_EQ(mappings[0].structure("Ebs").integer("VolumeSize"), 8);
    EXPECT_EQ(mappings[0].structure("Ebs").boolean("DeleteOnTermination"), false);
}

TEST(Arguments, a_choice_is_found_whatever_its_case_and_given_as_it_is_declared) {
    EXPECT_EQ(parse({{"Attribute", "LaunchPermission"}}).text("Attribute"), "launchPermission");
}

TEST(Arguments, what_is_absent_is_empty) {
    const Arguments arguments = parse({});

    EXPECT_FALSE(arguments.has("Filter"));
    EXPECT_TRUE(arguments.texts("InstanceId").empty());
    EXPECT_TRUE(arguments.structures("Filter").empty());
    EXPECT_FALSE(arguments.structure("Kernel").has("Value"));
}

/// Parameters in which an image may stand in every way.
std::vector<Parameter> image_parameters() {
    const Parameter image{.name = "ImageId", .wire = "ImageId", .image = ImageUse::image};
    Parameter kept = image;
    kept.image = ImageUse::kept;
    return {image,
            {.name = "Images", .wire = "Image", .list = true, .image = ImageUse::image},
            {.name = "SourceImageId",
             .wire = "SourceImageId",
             .image = ImageUse::image,
             .image_region = "SourceRegion"},
            {.name = "SourceRegion", .wire = "SourceRegion"},
            {.name = "Name", .wire = "Name"},
            {.name = "Data", .wire = "Data", .shape = Shape::structure, .members = {kept}},
            {.name = "Parts",
             .wire = "Part",
             .shape = Shape::structure,
             .list = true,
             .members = {image}}};
}

TEST(ArgumentsWithImages, are_resolved_wherever_a_parameter_is_one) {
    Arguments arguments = parse_arguments(image_parameters(), {{"ImageId", "a"},
                                                               {"Image.1", "b"},
                                                               {"Image.2", ""},
                                                               {"SourceImageId", "c"},
                                                               {"SourceRegion", "local-2"},
                                                               {"Name", "d"},
                                                               {"Data.ImageId", "e"},
                                                               {"Part.1.ImageId", "f"}});
    std::vector<std::string> mentions;
    arguments.resolve_images(image_parameters(), [&](const ImageMention& mention) {
        mentions.push_back(mention.text + "@" + mention.region +
                           (mention.use == ImageUse::kept ? " kept" : ""));
        return "ami-" + mention.text;
    });
    std::ranges::sort(mentions);
    EXPECT_EQ(mentions, (std::vector<std::string>{"a@", "b@", "c@local-2", "e@ kept", "f@"}));
    EXPECT_EQ(arguments.text("ImageId"), "ami-a");
    EXPECT_EQ(arguments.texts("Image"), (std::vector<std::string>{"ami-b", ""}));
    EXPECT_EQ(arguments.text("SourceImageId"), "ami-c");
    EXPECT_EQ(arguments.text("Name"), "d");
    EXPECT_EQ(arguments.structure("Data").text("ImageId"), "ami-e");
    EXPECT_EQ(arguments.structures("Part").at(0).text("ImageId"), "ami-f");
}

TEST(ArgumentsWithImages, know_the_ids_that_were_asked_for) {
    Arguments arguments = parse_arguments(image_parameters(),
                                          {{"ImageId", "ami-of-elsewhere"}, {"Image.1", "a-name"}});
    arguments.resolve_images(image_parameters(), [](const ImageMention& mention) {
        return mention.text == "a-name" ? std::string("ami-2") : std::string("ami-1");
    });
    EXPECT_EQ(arguments.asked_image("ami-1"), "ami-of-elsewhere");
    EXPECT_EQ(arguments.asked_image("ami-2"), std::nullopt) << "a name is no id";
}

}  // namespace

}  // namespace kiln::api
