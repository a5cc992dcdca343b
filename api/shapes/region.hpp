#pragma once

#include <string>

#include "api/output/structure.hpp"
#include "api/protocol/parameter.hpp"
#include "images/catalog/region.hpp"

namespace kiln::api {

/// What clients of EC2 find in the list of regions; nothing resolves it.
std::string endpoint_of(const images::Region& region);

/// A region as DescribeRegions tells of it, and what is kiln's own.
const Structure<images::Region>& region_structure();

/// "SourceRegion" as copies take it.
Parameter source_region_parameter();

}  // namespace kiln::api
