#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/layer.hpp"
#include "images/layers/pool.hpp"

namespace kiln::images {

/// Frozen layers that nothing names and that only one layer needs, one above the other: that layer
/// takes them in, and stands on their parent. It reads as before, and keeps its id.
struct Merge {
    LayerId into;
    std::vector<LayerId> layers;    // from the parent of `into` down
    std::optional<LayerId> parent;  // of the lowest; absent: `into` becomes a base

    friend bool operator==(const Merge&, const Merge&) = default;
};

/// The merges that the region's chains allow, whoever reads through them now. Unneeded layers count
/// as gone; what a layer that is being made stands on is not taken into it.
std::vector<Merge> possible_merges(Session& session, const std::string& region);

/// What a merge may take of the pool until the merged layers are collected.
Bytes space_needed(const Pool& pool, const Merge& merge);

/// The long part: writes beside the file of `into` what it is to become, checked and synced. No
/// layer's file is touched, but that of `into` must not be written meanwhile. Throws,
/// Error{Canceled} after a stop; nothing is left then. An encrypted chain needs its key.
void prepare_merge(const Pool& pool, const Merge& merge, std::stop_token stop,
                   const std::optional<LayerKey>& key = std::nullopt);
/// Puts what was prepared into its place, and says so in the catalog. The caller sees to it that
/// nobody uses the chain of `into`. The merged layers are unneeded afterwards.
void publish_merge(Database& database, const Pool& pool, const std::string& region,
                   const Merge& merge);
/// Removes what was prepared; nothing is no error.
void abandon_merge(const Pool& pool, const Merge& merge);

/// At a start of the service: removes what a crash left unfinished, and lets the catalog say of
/// frozen layers what their files say. Until then it takes such a chain for longer than it is,
/// which reads the same.
void recover_merges(Database& database, const Pool& pool, const std::string& region);

}  // namespace kiln::images
