#pragma once

namespace kiln::builder {

/// The tag of what a trial makes; nobody but the service can set one with this beginning. Its value
/// is the id of the build's operation.
inline constexpr const char* trial_tag = "aws:kiln:trial";

}  // namespace kiln::builder
