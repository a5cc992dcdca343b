#pragma once

#include <filesystem>
#include <stop_token>

#include "base/units.hpp"
#include "images/bundles/bundle_manifest.hpp"
#include "images/bundles/object_store.hpp"
#include "images/bundles/transfer.hpp"

namespace kiln::images {

/// A bundle is one file of a disk in an object store: the frames of the file as the objects
/// <prefix>.part.0000, … and then, as the last, <prefix>.manifest.xml, which makes it one.
///
/// A manifest is found by its own name, may name no objects but its own parts, and is trusted in
/// nothing. Throws Error{InvalidManifest} for a manifest, Error{InvalidImageFile} for a part that
/// is damaged or missing, Error{Canceled} soon after a stop was requested, and what the store
/// throws. Any thread; two writers of one prefix at a time are the caller's to prevent.

/// <prefix>.manifest.xml.
ObjectName manifest_of(const ObjectPrefix& bundle);

/// Bundles a trusted local file, which nobody changes meanwhile. What a failure or a stop cuts off
/// is removed. Throws Error{InvalidParameterValue} when there is a bundle of that prefix, or the
/// file is so large that its manifest would pass 1 MiB (some 80 GiB).
BundleManifest write_bundle(ObjectStore& store, const ObjectPrefix& bundle,
                            const std::filesystem::path& file, const BundleDescription& description,
                            const ProgressCallback& progress, const std::stop_token& stop);

/// Throws Error{InvalidManifest} when the whole file is larger than `max_file_size`, too.
BundleManifest read_manifest(const ObjectStore& store, const ObjectName& manifest,
                             Bytes max_file_size);

/// Reads every part and compares its size and digest with the manifest's; unpacks nothing.
BundleManifest check_bundle(const ObjectStore& store, const ObjectName& manifest,
                            Bytes max_file_size, const std::stop_token& stop);

/// Makes `file`, which must not exist, from the bundle: durable, with holes for its zeros. No part
/// is decompressed before its digest was verified, nor to more than it may hold. After a failure or
/// a stop the file is removed.
BundleManifest unpack_bundle(const ObjectStore& store, const ObjectName& manifest,
                             const std::filesystem::path& file, Bytes max_file_size,
                             const ProgressCallback& progress, const std::stop_token& stop);

/// Removes the parts, then the manifest: when it is cut off, call it again.
void remove_bundle(ObjectStore& store, const ObjectName& manifest);

/// Removes the parts of a bundle whose writer's process ended before the manifest was written. A
/// finished bundle of that prefix stays.
void remove_unfinished_bundle(ObjectStore& store, const ObjectPrefix& bundle);

}  // namespace kiln::images
