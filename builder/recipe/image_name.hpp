#pragma once

#include <string>

#include "base/clock.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::builder {

struct NamePlaces {
    Time now;
    std::string version;  // of the recipe; may be empty
    images::Architecture architecture;
};

/// The name that the template stands for: {date} is the day ("2026-11-30") and {time} the time of
/// day ("104500"), both in UTC, {version} the recipe's version, {architecture} "x86_64" and so on.
/// Throws Error{InvalidRecipe} for another word in braces, and for {version} when there is none.
std::string expand_name(const std::string& name_template, const NamePlaces& places);

}  // namespace kiln::builder
