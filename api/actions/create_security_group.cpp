#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct Result {
    SecurityGroupId id;
    std::vector<images::Tag> tags;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("GroupId", "groupId", [](const Result& r) { return r.id.str(); })
        .list(
            "Tags", "tagSet", tag_structure(),
            [](const Result& r) -> const auto& { return r.tags; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    launcher::CreateSecurityGroupRequest request{
        .name = arguments.required_text("GroupName"),
        .description = arguments.required_text("GroupDescription"),
        .tags = tags_for(arguments, "security-group", {"security-group"})};
    if (const auto vpc = arguments.text("VpcId")) request.vpc.emplace(*vpc);
    return {.id = services.launcher.create_security_group(caller, request), .tags = request.tags};
}

}  // namespace

Action create_security_group() {
    return with_handler<Result>(
        {.name = "CreateSecurityGroup",
         .summary = "Make a security group, which lets its members send everything and receive "
                    "nothing",
         .example = "kiln create-security-group --group-name web --description servers",
         .parameters = {{.name = "GroupName",
                         .wire = "GroupName",
                         .required = true,
                         .help = "Its name, of which the region has one"},
                        {.name = "Description",
                         .wire = "GroupDescription",
                         .required = true,
                         .help = "What it is for"},
                        {.name = "VpcId", .wire = "VpcId", .help = "The region's VPC"},
                        tag_specifications_parameter(),
                        dry_run_parameter()},
         .table = {.columns = {"GroupId"}}},
        output(), handle);
}

}  // namespace kiln::api
