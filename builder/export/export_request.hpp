#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/accounts/caller.hpp"
#include "images/bundles/object_name.hpp"
#include "images/bundles/object_store.hpp"
#include "images/catalog/export_task.hpp"

namespace kiln::builder {

struct ExportRequest {
    ImageId image;
    images::DiskImageFormat format;
    /// Of qcow2: what this image's disk has is left out.
    std::optional<ImageId> base;
    /// An object of that bucket, whose key begins so; absent: the file is kept to be fetched.
    std::optional<images::ObjectPrefix> location;
    std::string description;
    std::string role_name;  // answered as it came: nothing here needs a role
    std::string client_token;
};

inline constexpr const char* export_operation_kind = "export-image";
/// EC2's, of an account in a region at once.
inline constexpr std::int64_t max_active_exports = 5;

/// What a task reads: kept in its operation, which pins the layers.
struct ExportedLayers {
    LayerId disk;
    std::optional<LayerId> base;

    friend bool operator==(const ExportedLayers&, const ExportedLayers&) = default;
};
std::string to_json(const ExportedLayers& layers);
ExportedLayers parse_exported_layers(const std::string& json);

/// Checks the request and inserts the task with its operation, in the transaction of the session;
/// a task that was made with the same client token is returned as it is.
///
/// Only what is the caller's own is exported, down to each snapshot, and nothing that is encrypted:
/// the file would be in clear. Throws what get_own_image() throws, Error{NotExportable} for product
/// codes, Error{UnsupportedOperation} for images that are encrypted, of an instance store, have
/// several disks or do not go together with the format, Error{InvalidParameterCombination},
/// Error{ResourceLimitExceeded}, Error{VolumeLimitExceeded}, Error{BucketAlreadyExists}, what the
/// store says of the object's name, and
/// Error{DryRunOperation} after all checks.
images::ExportTask insert_export(Session& session, const images::Caller& caller,
                                 const ExportRequest& request, const images::ObjectStore& store,
                                 Time now);

}  // namespace kiln::builder
