#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/operation.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// What the catalog says of an image that is made by sealing another one. Functions of a session
/// are part of the caller's transaction.

inline constexpr const char* sealing_operation_kind = "seal-image";

struct SealRequest {
    ImageId source;
    std::string name;
    std::string description;  // empty: the source's
    bool sparsify = false;    // one file without what the file systems do not use
};

/// The payload of the operation: what its job needs to know.
struct Sealing {
    ImageId source;
    ImageId image;
    std::string region;
    LayerId root;   // the source's, pinned
    LayerId layer;  // the new one, on that
    Bytes size;     // virtual size
    bool sparsify = false;
};
std::string to_json(const Sealing& sealing);
Sealing parse_sealing(const std::string& json);

struct NewSealing {
    const images::Caller& caller;
    const SealRequest& request;
    OperationId operation;
    Time now;
};
/// Inserts the pending image, the new layer and the operation, which pins the source's root. Throws
/// for a bad or duplicate name, for an image that is not the caller's,
/// Error{UnsupportedOperation} for one whose root is no snapshot in clear, and
/// Error{RequestLimitExceeded} when the caller has 16 that are being sealed.
Sealing insert_sealing(Session& session, const NewSealing& sealing);

struct SealedLayer {
    Bytes stored_size;
    std::string description;  // of the snapshot
};
/// The layer is frozen and has a snapshot, the image is available, the operation is over. Whether
/// it still stood.
bool publish_sealing(Session& session, const images::Operation& operation, const Sealing& sealing,
                     const SealedLayer& sealed, Time now);
/// The image has failed, nobody needs the layer, the operation is over.
void fail_sealing(Session& session, const images::Operation& operation, const Sealing& sealing,
                  const std::string& cause);

}  // namespace kiln::builder
