#pragma once

#include <pugixml.hpp>
#include <vector>

#include "cli/output/version_graph.hpp"

namespace kiln::cli {

/// The versions of which a reply of DescribeImageFamily tells, in words; the one that was asked for
/// is marked.
std::vector<Version> versions_of(pugi::xml_node reply, const std::string& asked);

}  // namespace kiln::cli
