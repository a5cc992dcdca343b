#pragma once

#include <optional>
#include <string>

#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// The frozen layer that the bundle of an instance-store image was unpacked to, kept for its next
/// launch: it is needed as long as this says so.
std::optional<LayerId> unpacked_layer(Session& session, const ImageId& image);
void set_unpacked_layer(Session& session, const ImageId& image, const std::string& region,
                        const LayerId& layer);
/// Nothing to forget is no error.
void forget_unpacked_layer(Session& session, const ImageId& image);

}  // namespace kiln::images
