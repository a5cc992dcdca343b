#include "launcher/bundles/bundle_prefix.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/bundle_task.hpp"
#include "images/catalog/image.hpp"
#include "images/market/product_code.hpp"
#include "launcher/bundles/image_conversion.hpp"
#include "launcher/instances/instance_rows.hpp"

namespace kiln::launcher {

namespace {

constexpr std::string_view manifest_suffix = ".manifest.xml";

bool is_missing(const Error& error) {
    return error.code() == "NoSuchKey" || error.code() == "NoSuchBucket";
}

/// Where the operation writes a bundle; nullopt when it writes none.
std::optional<images::ObjectName> manifest_written_by(Session& session,
                                                      const images::Operation& operation) {
    if (operation.kind == operation_kind::convert_image) {
        const auto bundle = parse_conversion(operation.payload).bundle;
        if (bundle) return images::manifest_of(*bundle);
    }
    if (operation.kind == operation_kind::bundle_instance) {
        const auto task =
            images::find_bundle_task(session, images::BundleTaskId(operation.resource_id));
        if (task) return images::manifest_of({.bucket = task->bucket, .prefix = task->prefix});
    }
    return std::nullopt;
}

std::vector<OperationId> writers_of(Session& session, const images::ObjectName& manifest) {
    std::vector<OperationId> writers;
    for (const images::Operation& operation : images::open_operations(session)) {
        if (manifest_written_by(session, operation) == manifest) writers.push_back(operation.id);
    }
    return writers;
}

bool is_stored(const images::ObjectStore& store, const images::ObjectName& manifest) {
    try {
        store.size(manifest);
        return true;
    } catch (const Error& error) {
        if (!is_missing(error)) throw;
        return false;
    }
}

bool belongs_to_another(Session& session, const images::ObjectName& manifest,
                        const BundleWriter& writer) {
    const auto images = images::images_at_location(session, to_text(manifest));
    const auto writers = writers_of(session, manifest);
    return std::ranges::any_of(images, [&](const ImageId& id) { return id != writer.own; }) ||
           std::ranges::any_of(writers,
                               [&](const OperationId& id) { return id != writer.operation; });
}

}  // namespace

images::ObjectName parse_location(const std::string& location) {
    const std::size_t slash = location.find('/');
    if (slash != std::string::npos && location.ends_with(manifest_suffix)) {
        images::ObjectName name{.bucket = location.substr(0, slash),
                                .key = location.substr(slash + 1)};
        images::check_bucket_name(name.bucket);
        images::check_object_key(name.key);
        return name;
    }
    throw Error(error_code::invalid_parameter_value, location,
                fmt::format("'{}' is not the location of a bundle's manifest: expecting "
                            "BUCKET/PREFIX{}",
                            location, manifest_suffix));
}

void refuse_product_codes(Session& session, const std::string& resource_id) {
    const auto codes = images::product_codes_of(session, resource_id);
    if (codes.empty()) return;
    throw Error("OperationNotPermitted", resource_id,
                fmt::format("'{}' has the product code {}, so it is not stored in a bucket: make "
                            "an EBS-backed image of it instead",
                            resource_id, codes.front()));
}

void claim_bundle(Session& session, const images::ObjectStore& store, const AccountId& account,
                  const images::ObjectPrefix& bundle, Time now) {
    const images::ObjectName manifest = images::manifest_of(bundle);
    images::check_object_key(manifest.key);
    images::claim_bucket(session, account, bundle.bucket, now);
    const bool is_taken = !writers_of(session, manifest).empty() ||
                          !images::images_at_location(session, to_text(manifest)).empty() ||
                          is_stored(store, manifest);
    if (!is_taken) return;
    throw Error(error_code::invalid_parameter_value, to_text(manifest),
                fmt::format("There is a bundle '{}' already, or it is being written: choose "
                            "another prefix, or delete it (DeleteBundle).",
                            to_text(manifest)));
}

void refuse_unfinished_bundle(Session& session, const images::ObjectName& manifest) {
    if (writers_of(session, manifest).empty()) return;
    throw Error("IncorrectState", to_text(manifest),
                fmt::format("The bundle '{}' is being written: wait until it is complete, or "
                            "cancel that.",
                            to_text(manifest)));
}

void remove_stored_bundle(Database& database, images::ObjectStore& store,
                          const images::ObjectPrefix& bundle, const BundleWriter& writer) {
    const images::ObjectName manifest = images::manifest_of(bundle);
    const bool is_anothers = database.read(
        [&](Session& session) { return belongs_to_another(session, manifest, writer); });
    if (is_anothers) {
        log::warn("'{}' is left alone: it is not only of {}", to_text(manifest),
                  writer.operation.str());
        return;
    }
    try {
        images::remove_bundle(store, manifest);
    } catch (const Error& error) {
        if (error.code() == "InvalidManifest") store.remove(manifest);
        if (error.code() != "InvalidManifest" && !is_missing(error)) throw;
    }
    images::remove_unfinished_bundle(store, bundle);
}

}  // namespace kiln::launcher
