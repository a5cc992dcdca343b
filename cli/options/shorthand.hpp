#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace kiln::cli {

using Json = nlohmann::ordered_json;

/// Reads the AWS CLI's shorthand for one structure: Name=state,Values=a,b or
/// ResourceType=instance,Tags=[{Key=k,Value=v}] or DeviceName=/dev/sdb,Ebs={VolumeSize=8}. Values
/// are texts, lists and objects; text may be "quoted" or 'quoted', and a backslash takes the next
/// character as it is. Throws Error{UsageError} that shows the place.
Json parse_shorthand(std::string_view text);

}  // namespace kiln::cli
