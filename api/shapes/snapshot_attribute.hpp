#pragma once

namespace kiln::api {

/// The attribute of a snapshot that can be changed.
inline constexpr const char* create_volume_permission = "createVolumePermission";

}  // namespace kiln::api
