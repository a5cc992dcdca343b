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

/// What these parameters say. Throws Error{MissingParameter} for grantees without OperationType.
struct LaunchPermissionChange {
    launcher::Grantees add;
    launcher::Grantees remove;
};
LaunchPermissionChange launch_permission_change(const Arguments& arguments);

}  // namespace kiln::api
