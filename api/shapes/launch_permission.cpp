#include "api/shapes/launch_permission.hpp"

#include <algorithm>
#include <functional>

#include "base/error.hpp"
#include "images/accounts/organization.hpp"
#include "images/catalog/permission.hpp"

namespace kiln::api {

namespace {

using launcher::Grantees;

bool is_group(const std::string& grantee) {
    return grantee == images::everybody;
}

bool is_account(const std::string& grantee) {
    return !is_group(grantee) && !images::is_organization_arn(grantee) &&
           !images::is_unit_arn(grantee);
}

auto only_when(bool (*is_of_kind)(const std::string&)) {
    return [is_of_kind](const std::string& grantee) -> std::optional<std::string> {
        if (!is_of_kind(grantee)) return std::nullopt;
        return grantee;
    };
}

bool is_organization(const std::string& grantee) {
    return images::is_organization_arn(grantee);
}

bool is_unit(const std::string& grantee) {
    return images::is_unit_arn(grantee);
}

void add_named(const Arguments& from, const char* wire, std::vector<std::string>& names) {
    if (const auto name = from.text(wire)) names.push_back(*name);
}

/// Of Add.N or Remove.N.
Grantees grantees_of(const Arguments& permission, const char* wire) {
    Grantees grantees;
    for (const Arguments& one : permission.structures(wire)) {
        add_named(one, "UserId", grantees.accounts);
        add_named(one, "Group", grantees.groups);
        add_named(one, "OrganizationArn", grantees.organizations);
        add_named(one, "OrganizationalUnitArn", grantees.units);
    }
    return grantees;
}

void append(std::vector<std::string>& names, const std::vector<std::string>& more) {
    names.insert(names.end(), more.begin(), more.end());
}

bool are_named(const Grantees& listed, const PermissionChange& change) {
    std::vector<std::string> named = change.add.all();
    append(named, change.remove.all());
    return std::ranges::all_of(listed.all(), [&](const std::string& grantee) {
        return std::ranges::find(named, grantee) != named.end();
    });
}

/// The older form. Packer names them in both forms, and in the older one without saying what for.
void add_listed(const Arguments& arguments, PermissionChange& change) {
    const Grantees listed{.accounts = arguments.texts("UserId"),
                          .groups = arguments.texts("UserGroup"),
                          .organizations = arguments.texts("OrganizationArn"),
                          .units = arguments.texts("OrganizationalUnitArn")};
    if (listed.empty()) return;
    const auto operation = arguments.text("OperationType");
    if (!operation && are_named(listed, change)) return;
    if (!operation) {
        throw Error(error_code::missing_parameter, "OperationType",
                    "The request must contain the parameter OperationType: add or remove");
    }
    Grantees& grantees = *operation == "add" ? change.add : change.remove;
    append(grantees.accounts, listed.accounts);
    append(grantees.groups, listed.groups);
    append(grantees.organizations, listed.organizations);
    append(grantees.units, listed.units);
}

Parameter grantees_parameter(const char* name, const char* help) {
    return {.name = name,
            .wire = name,
            .shape = Shape::structure,
            .list = true,
            .help = help,
            .members = {{.name = "UserId", .wire = "UserId", .help = "An account id"},
                        {.name = "Group", .wire = "Group", .help = "all: every account"},
                        {.name = "OrganizationArn",
                         .wire = "OrganizationArn",
                         .help = "All accounts of an organization"},
                        {.name = "OrganizationalUnitArn",
                         .wire = "OrganizationalUnitArn",
                         .help = "All accounts of an organizational unit"}}};
}

}  // namespace

const Structure<std::string>& launch_permission_structure() {
    static const auto structure =
        Structure<std::string>()
            .text("UserId", "userId", only_when(is_account))
            .text("Group", "group", only_when(is_group))
            .text("OrganizationArn", "organizationArn", only_when(is_organization))
            .text("OrganizationalUnitArn", "organizationalUnitArn", only_when(is_unit));
    return structure;
}

std::vector<Parameter> launch_permission_parameters() {
    return {{.name = "LaunchPermission",
             .wire = "LaunchPermission",
             .shape = Shape::structure,
             .help = "Who gets and who loses the permission to launch it",
             .members = {grantees_parameter("Add", "Who gets the permission"),
                         grantees_parameter("Remove", "Who loses it")}},
            {.name = "OperationType",
             .wire = "OperationType",
             .help = "What to do with those named by the options that follow",
             .choices = {"add", "remove"}},
            {.name = "UserIds", .wire = "UserId", .list = true, .help = "Account ids"},
            {.name = "UserGroups",
             .wire = "UserGroup",
             .list = true,
             .help = "all stands for every account"},
            {.name = "OrganizationArns",
             .wire = "OrganizationArn",
             .list = true,
             .help = "All accounts of organizations"},
            {.name = "OrganizationalUnitArns",
             .wire = "OrganizationalUnitArn",
             .list = true,
             .help = "All accounts of organizational units"}};
}

PermissionChange permission_change(const Arguments& arguments, const char* structure) {
    const Arguments permission = arguments.structure(structure);
    PermissionChange change{.add = grantees_of(permission, "Add"),
                            .remove = grantees_of(permission, "Remove")};
    add_listed(arguments, change);
    return change;
}

}  // namespace kiln::api
