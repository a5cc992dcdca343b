#pragma once

#include <cstddef>

#include "api/output/structure.hpp"
#include "builder/inspection/compare_images.hpp"

namespace kiln::api {

/// Of packages, and of files; how many there are is told in full.
inline constexpr std::size_t most_listed_changes = 10'000;

/// {"FromImage", "ToImage", "Packages", "Files"}
const Structure<builder::ComparedImages>& image_comparison_structure();

}  // namespace kiln::api
