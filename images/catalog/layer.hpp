#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// A chain longer than this is taken for a cycle; it is where libvirt gives up, too.
inline constexpr std::size_t longest_readable_chain = 200;

/// One qcow2 file of a region's pool (its path is made in images/layers/pool.hpp). A frozen layer
/// never changes again; a live one is the top of one volume. Rows with a parent keep the parent:
/// the database refuses to delete it. A frozen layer's id names what is read through it, so that
/// its copies in other regions have the same id.
struct Layer {
    LayerId id;
    std::string region;
    std::optional<LayerId> parent;
    LayerState state;
    Bytes virtual_size;
    Time created;
    std::optional<std::string> key_id = {};  // of what it is encrypted with, as its parent is
};

/// Whose guests read what.
struct LayerUse {
    LayerId layer;
    std::int64_t account_number;

    friend auto operator<=>(const LayerUse&, const LayerUse&) = default;
};

/// SQL that selects the ids of layer :id of :region and of all that stand on it.
inline constexpr const char* layers_standing_on =
    "with recursive above (layer_id) as ("
    "  select layer_id from layers where region = :region and layer_id = :id"
    "  union select layers.layer_id from layers"
    "    join above on above.layer_id = layers.parent_id where layers.region = :region)"
    " select layer_id from above";

void insert_layer(Session& session, const Layer& layer);
std::optional<Layer> find_layer(Session& session, const std::string& region, const LayerId& id);
/// The layer, its parent, and so on down to the base. Throws Error{InternalError} when it is
/// missing or deeper than longest_readable_chain.
std::vector<Layer> layer_chain(Session& session, const std::string& region, const LayerId& top);
/// How many layers each of the caller's volumes stands on, its own included, by its layer's id.
std::unordered_map<std::string, std::int64_t> volume_depths(Session& session, const Scope& scope);
void set_layer_parent(Session& session, const std::string& region, const LayerId& id,
                      const std::optional<LayerId>& parent);
void set_layer_size(Session& session, const std::string& region, const LayerId& id,
                    Bytes virtual_size);
void set_layer_state(Session& session, const std::string& region, const LayerId& id,
                     LayerState state);
void delete_layer(Session& session, const std::string& region, const LayerId& id);

/// The layer is needed until the operation ends. Again is no error.
void pin_layer(Session& session, const OperationId& operation, const std::string& region,
               const LayerId& id);
/// Nothing to unpin is no error.
void unpin_layer(Session& session, const OperationId& operation, const std::string& region,
                 const LayerId& id);
/// What the operation pins, sorted.
std::vector<LayerId> pinned_layers(Session& session, const OperationId& operation);
/// The operations that pin the layer, or one that stands on it.
std::vector<OperationId> operations_reading_through(Session& session, const std::string& region,
                                                    const LayerId& id);

/// The layers that a volume, a snapshot, a pin, an unpacked image or the cache of builds of the
/// region names itself.
std::set<LayerId> named_layers(Session& session, const std::string& region);
/// Layers of the region that no volume, snapshot, pin, unpacked image, cached build or other needed
/// layer needs: everything not reachable from one of these, children before their parents. Layers
/// in state creating are not listed (an operation owns them) unless `with_creating`.
std::vector<Layer> unneeded_layers(Session& session, const std::string& region,
                                   bool with_creating = false);
/// The layers of all regions that instances which are not stopped stand on, with the accounts of
/// these.
std::set<LayerUse> layers_in_use(Session& session);
std::vector<Layer> all_layers(Session& session, const std::string& region);

}  // namespace kiln::images
