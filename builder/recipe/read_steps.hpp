#pragma once

#include "builder/recipe/source_reader.hpp"

namespace kiln::builder {

/// The steps that change the system. Those that the recipe's base cannot have are refused.
std::vector<Step> read_steps(const YamlReader& reader, SourceReader& sources,
                             const YAML::Node& node, const Recipe& recipe);
/// The steps that look at an instance of the result.
std::vector<VerifyStep> read_verify(const YamlReader& reader, SourceReader& sources,
                                    const YAML::Node& node);

}  // namespace kiln::builder
