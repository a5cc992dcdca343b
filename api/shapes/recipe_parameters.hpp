#pragma once

#include <vector>

#include "api/protocol/arguments.hpp"
#include "api/protocol/parameter.hpp"
#include "builder/recipe/recipe.hpp"

namespace kiln::api {

/// The parameters of the actions that are given a recipe.
std::vector<Parameter> recipe_parameters();
/// The recipe, with what the other parameters say over it. Throws Error{MissingParameter} when
/// there is none, and what parse_recipe() and apply() do.
builder::Recipe recipe_of(const Arguments& arguments);
bool uses_cache(const Arguments& arguments);

}  // namespace kiln::api
