#pragma once

#include "api/action.hpp"
#include "images/catalog/image_alias.hpp"

namespace kiln::api {

/// {"Alias", "ImageId", "Updated"}
const Structure<images::ImageAlias>& image_alias_structure();
Parameter alias_parameter(std::string help);
/// The alias that a request names. Throws Error{InvalidParameterValue} for what is none, and for an
/// AMI id where those are not to be aliases.
std::string alias_of(const Services& services, const Arguments& arguments);

}  // namespace kiln::api
