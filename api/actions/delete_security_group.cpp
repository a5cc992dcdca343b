#include "api/action.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "images/catalog/security_group.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

SecurityGroupId group_of(Services& services, const images::Caller& caller,
                         const Arguments& arguments) {
    if (const auto id = arguments.text("GroupId")) return SecurityGroupId(*id);
    const auto name = arguments.text("GroupName");
    if (!name) {
        throw Error(error_code::missing_parameter, "GroupId",
                    "The request must contain the parameter GroupName or GroupId");
    }
    const auto group = services.database.read([&](Session& session) {
        return images::find_security_group(session, caller.scope(), *name);
    });
    if (group) return group->id;
    throw Error("InvalidGroup.NotFound", *name,
                "The security group '" + *name + "' does not exist");
}

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.delete_security_group(caller, group_of(services, caller, arguments));
    return {};
}

}  // namespace

Action delete_security_group() {
    return with_handler<Done>(
        {.name = "DeleteSecurityGroup",
         .summary = "Delete a security group that no instance has and no other group names",
         .example = "kiln delete-security-group --group-id sg-0123456789abcdef0",
         .parameters = {{.name = "GroupId", .wire = "GroupId", .help = "The security group"},
                        {.name = "GroupName",
                         .wire = "GroupName",
                         .help = "The security group, by its name"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
