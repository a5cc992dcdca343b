#pragma once

#include <string>
#include <vector>

#include "api/output/structure.hpp"
#include "api/protocol/arguments.hpp"
#include "api/protocol/parameter.hpp"
#include "launcher/sharing/image_attributes.hpp"

namespace kiln::api {

/// The attribute of an image that says who may launch it.
inline constexpr const char* launch_permission = "launchPermission";

/// {"UserId"}, {"Group"}, {"OrganizationArn"} or {"OrganizationalUnitArn"} of a grantee.
const Structure<std::string>& launch_permission_structure();
/// LaunchPermission with Add and Remove, and the older OperationType with UserId.N, UserGroup.N,
/// OrganizationArn.N and OrganizationalUnitArn.N.
std::vector<Parameter> launch_permission_parameters();

/// What a request changes about a permission.
struct PermissionChange {
    launcher::Grantees add;
    launcher::Grantees remove;
};
/// `structure` is the parameter with Add and Remove: "LaunchPermission". Throws
/// Error{MissingParameter} for grantees in the older form without OperationType.
PermissionChange permission_change(const Arguments& arguments, const char* structure);

}  // namespace kiln::api
