#pragma once

#include "cli/recipe/recipe_argument.hpp"
#include "cli/service/service.hpp"

namespace kiln::cli {

/// Imports the disk that a recipe begins with, unless an image was made of it before: the service
/// finds it by its checksum. false after ^C, for which catch_interrupts() is to be called before.
/// Throws as import_disk().
bool import_base(Service& service, const BaseDisk& base);

}  // namespace kiln::cli
