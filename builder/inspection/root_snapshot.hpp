#pragma once

#include "base/database.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/snapshot.hpp"

namespace kiln::builder {

/// The snapshot of an available image's root, whose layer can be looked into. Throws
/// Error{UnsupportedOperation} for an encrypted root and one of an instance store.
images::Snapshot root_snapshot(Session& session, const images::Image& image);

}  // namespace kiln::builder
