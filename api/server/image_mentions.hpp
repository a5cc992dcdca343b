#pragma once

#include "api/server/dispatcher.hpp"

namespace kiln {
class Database;
struct Settings;
}  // namespace kiln

namespace kiln::api {

/// Resolves aliases of images in requests by the catalog: those of the caller's account in the
/// region of the mention. Both must outlive what is returned.
ResolveImage resolve_images_by(Database& database, const Settings& settings);

}  // namespace kiln::api
