#pragma once

#include "images/bundles/bundle.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/instances/lifecycle.hpp"

namespace kiln::launcher {

/// "bucket/key" as the name of an object. Throws Error{InvalidParameterValue}.
images::ObjectName parse_location(const std::string& location);

/// Throws Error{OperationNotPermitted} when the resource has product codes, which what is stored in
/// a bucket could not keep.
void refuse_product_codes(Session& session, const std::string& resource_id);

/// Throws unless the prefix is free for a new bundle of that account: nothing is there, nothing is
/// being written there, no image has it, and the bucket is the account's, or becomes it. The
/// operation that the caller inserts in the same transaction keeps it from others.
void claim_bundle(Session& session, const images::ObjectStore& store, const AccountId& account,
                  const images::ObjectPrefix& bundle, Time now);

/// Throws Error{IncorrectState} while an operation writes a bundle with that manifest, or cleans up
/// after one that was canceled.
void refuse_unfinished_bundle(Session& session, const images::ObjectName& manifest);

/// Removes what the operation has stored at its prefix, finished or not. What another operation
/// writes there, and a bundle that an image other than `own` has, stays.
struct BundleWriter {
    OperationId operation;
    std::optional<ImageId> own;
};
void remove_stored_bundle(Database& database, images::ObjectStore& store,
                          const images::ObjectPrefix& bundle, const BundleWriter& writer);

}  // namespace kiln::launcher
