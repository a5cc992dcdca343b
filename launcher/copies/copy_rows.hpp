#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/operation.hpp"

namespace kiln::launcher {

/// One snapshot of a copy: what `layer` holds in the source region is what it will hold.
struct CopyPart {
    LayerId layer;
    SnapshotId snapshot;
    /// Where the copy is to be encrypted with another key than the original: the layer that will
    /// be, and its key. Else the original's layers are sent as they are.
    std::optional<LayerId> encrypted_layer = {};
    std::string key_id = {};
};

/// What CopyImage and CopySnapshot have to do, kept in their operation.
struct Copy {
    std::optional<ImageId> image;  // of CopyImage
    std::string source_region;
    std::string region;
    std::vector<CopyPart> parts;
    std::vector<LayerId> layers;  // all that may arrive
};

std::string to_json(const Copy& copy);
Copy parse_copy(const std::string& json);

/// The layers that may arrive, each once: the parts' with all that they stand on, or the encrypted
/// ones that are to be made of them.
std::vector<LayerId> layers_of(Session& session, const Copy& copy);
/// Inserts the operation of a copy; what it reads stays until it ends.
void insert_copy(Session& session, const images::Operation& operation, const Copy& copy);
/// Ends a copy that is not wanted any more, in the caller's transaction: its operation and its
/// snapshots go. RegionCopy::cancel() is to follow.
void withdraw_copy(Session& session, const images::Operation& operation, Time now);

/// Inserts the rows of what is to arrive and has not, as long as the operation is open, and pins
/// them; returns those that are to be sent as they are, each once, parents before children. nullopt
/// when one of them is just being deleted.
std::optional<std::vector<images::Layer>> insert_missing_layers(Session& session,
                                                                const OperationId& operation,
                                                                const Copy& copy, Time now);
/// The snapshots that the copy would have made.
void delete_copied_snapshots(Session& session, const Copy& copy, Time now);

}  // namespace kiln::launcher
