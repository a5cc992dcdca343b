#pragma once

#include <string>

#include "base/database.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// Throws Error{InvalidAMIName.Duplicate} when the owner has an image of that name in the region
/// which is pending, available or disabled: "AMI name X is already in use by AMI ami-…".
/// insert_image() asks it; ask before what takes long.
void check_image_name_is_free(Session& session, const Scope& scope, const std::string& name);

}  // namespace kiln::images
