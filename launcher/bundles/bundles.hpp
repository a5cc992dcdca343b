#pragma once

#include <filesystem>
#include <stop_token>

#include "base/units.hpp"
#include "images/bundles/bundle.hpp"
#include "images/catalog/image.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// Largest root of an instance-store image, as in EC2.
inline constexpr Bytes max_bundled_root = Bytes::gibibytes(10);

/// Reads the chain below a frozen layer, which somebody must have pinned, into a raw file, which is
/// replaced. Throws Error{InsufficientInstanceCapacity} when the pool has no room for it.
void flatten(const InstanceLifecycle::Dependencies& use, const Region& region, const LayerId& layer,
             const std::filesystem::path& raw_file, const std::stop_token& stop);

/// Before files are put into the object store, where they are no larger than they are. Throws
/// Error{InsufficientInstanceCapacity} when there is no room for them.
void check_store_space(const InstanceLifecycle::Dependencies& use,
                       const std::vector<std::filesystem::path>& files);

/// What a bundle's manifest says of an image's machine.
images::BundleDescription describe(const images::Image& machine);

}  // namespace kiln::launcher
