#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/accounts/allowed_images.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/market/product_code.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::Image;
using images::ImageBlockDevice;
using images::Snapshot;

constexpr const char* copy_image_action = "CopyImage";

std::string digest_of(const CopyImageRequest& request) {
    nlohmann::json tags = nlohmann::json::array();
    for (const auto* list : {&request.image_tags, &request.snapshot_tags}) {
        for (const images::Tag& tag : *list)
            tags.push_back({tag.key, tag.value});
    }
    return sha256_hex(nlohmann::json{request.source_region, request.source.str(), request.name,
                                     request.description, request.copy_image_tags, tags,
                                     request.encryption.encrypted.value_or(false)}
                          .dump());
}

/// Whoever may launch an image may not read its disks.
Snapshot get_readable_snapshot(Session& session, const images::Scope& source, const Image& image,
                               const SnapshotId& id) {
    try {
        return images::get_usable_snapshot(session, source, id);
    } catch (const Error&) {
        throw Error("InvalidRequest", image.id.str(),
                    fmt::format("You do not have permission to access the storage of this ami: "
                                "ask the owner of {} to share the snapshot {} with you.",
                                image.id.str(), id.str()));
    }
}

void refuse_decryption(const Snapshot& source) {
    throw Error("InvalidRequest", source.id.str(),
                fmt::format("Snapshot {} is encrypted. Creating unencrypted copy from an encrypted "
                            "snapshot is not supported.",
                            source.id.str()));
}

/// Whether the copy is encrypted.
bool is_to_be_encrypted(const Snapshot& source, const EncryptionRequest& request) {
    if (source.key_id && request.encrypted == false) refuse_decryption(source);
    return source.key_id || request.encrypted.value_or(false);
}

/// What the copies of a request have in common.
struct CopyTarget {
    const images::Caller& caller;
    const EncryptionRequest& encryption;
    std::optional<std::string> own_key;
    Time now;
};

/// Whoever has subscribed to it launches instances of it, and makes images of those.
void refuse_of_stranger(Session& session, const images::Caller& caller, const AccountId& owner,
                        const std::string& id) {
    if (owner == caller.account || images::product_codes_of(session, id).empty()) return;
    throw Error("InvalidRequest", id,
                fmt::format("'{}' has product codes, so only its owner may copy it: launch an "
                            "instance and make an image of that",
                            id));
}

/// The pending snapshot that `source` is copied to, owned by the caller.
CopyPart insert_pending_copy(Session& session, const CopyTarget& target, const Snapshot& source,
                             const std::string& description) {
    const SnapshotId id = SnapshotId::generate();
    Snapshot copied{.id = id,
                    .owner = target.caller.account,
                    .region = target.caller.region,
                    .state = images::SnapshotState::pending,
                    .volume_size = source.volume_size,
                    .description = description,
                    .created = target.now};
    if (is_to_be_encrypted(source, target.encryption))
        copied.key_id = needed_key(target.own_key, target.caller);
    refuse_of_stranger(session, target.caller, source.owner, source.id.str());
    images::inherit_product_codes(session, source.id.str(), id.str());
    images::insert_snapshot(session, copied);
    CopyPart part{.layer = source.layer.value(), .snapshot = id};
    if (copied.key_id && copied.key_id != source.key_id) {
        part.encrypted_layer = LayerId::generate();
        part.key_id = *copied.key_id;
    }
    return part;
}

/// The copy of an instance-store image has the same bundle, which stays as long as one image has
/// it.
void check_readable_bundle(Session& session, const images::Caller& caller, const Image& image) {
    if (images::owner_of_bucket(session, image.location.substr(0, image.location.find('/'))) ==
        caller.account) {
        return;
    }
    throw Error("InvalidRequest", image.id.str(),
                "You do not have permission to access the storage of this ami: its bucket belongs "
                "to another account.");
}

void refuse_encryption(const Image& source, const EncryptionRequest& request) {
    if (!request.encrypted.value_or(false)) return;
    throw Error(
        "InvalidRequest", source.id.str(),
        fmt::format("{} is an instance-store image: only copies of EBS-backed images can "
                    "be encrypted. Make one of it with 'kiln convert-image', and copy that.",
                    source.id.str()));
}

Image copied_image(Session& session, const images::Caller& caller, const CopyImageRequest& request,
                   const Image& source, Time now) {
    if (source.root_device_type == images::DeviceType::instance_store) {
        refuse_encryption(source, request.encryption);
        check_readable_bundle(session, caller, source);
    }
    Image image = images::image_made_of(source, request.name, now);
    image.owner = caller.account;
    image.region = caller.region;
    image.description = request.description;
    return image;
}

/// Inserts the copies of the image's snapshots and puts them into its mapping.
std::vector<CopyPart> insert_snapshots(Session& session, const CopyTarget& target,
                                       const images::Scope& source_scope, const Image& source,
                                       Image& image) {
    std::vector<CopyPart> parts;
    for (ImageBlockDevice& device : image.block_devices) {
        if (!device.snapshot) continue;
        const Snapshot snapshot =
            get_readable_snapshot(session, source_scope, source, *device.snapshot);
        const std::string description = fmt::format(
            "Copied for DestinationAmi {} from SourceAmi {} for SourceSnapshot {}. Task created "
            "on {}.",
            image.id.str(), source.id.str(), snapshot.id.str(),
            image.created.time_since_epoch().count());
        parts.push_back(insert_pending_copy(session, target, snapshot, description));
        device.snapshot = parts.back().snapshot;
        device.encrypted = is_to_be_encrypted(snapshot, target.encryption);
    }
    return parts;
}

/// Whether what the request makes is encrypted; throws when its source is not to be had.
bool needs_key(Session& session, const images::Caller& caller, const CopySnapshotRequest& request) {
    const auto source = images::get_usable_snapshot(
        session, {.owner = caller.account, .region = request.source_region}, request.source);
    return is_to_be_encrypted(source, request.encryption);
}

bool needs_key(Session& session, const images::Caller& caller, const CopyImageRequest& request) {
    const images::Scope scope{.owner = caller.account, .region = request.source_region};
    const Image source = images::get_launchable_image(session, scope, request.source);
    return std::ranges::any_of(source.block_devices, [&](const ImageBlockDevice& device) {
        return device.snapshot &&
               is_to_be_encrypted(get_readable_snapshot(session, scope, source, *device.snapshot),
                                  request.encryption);
    });
}

/// The key that what the request makes is encrypted with, where it is.
std::optional<std::string> key_for(Database& database, const Region& target,
                                   const images::Caller& caller, const auto& request, Time now) {
    try {
        const bool needed =
            database.read([&](Session& session) { return needs_key(session, caller, request); });
        if (!needed) return std::nullopt;
    } catch (const Error&) {
        return std::nullopt;  // the request's transaction says so, unless it was done before
    }
    return account_key(database, target, caller, now);
}

std::vector<images::Tag> tags_of_copy(Session& session, const images::Scope& source,
                                      const CopyImageRequest& request) {
    std::vector<images::Tag> tags = request.image_tags;
    if (!request.copy_image_tags) return tags;
    for (const images::TagDescription& own : images::list_tags(session, source)) {
        const bool asked = std::ranges::find(request.image_tags, own.tag.key, &images::Tag::key) !=
                           request.image_tags.end();
        if (own.resource_id == request.source.str() && !asked) tags.push_back(own.tag);
    }
    return tags;
}

images::Operation operation_of(const Copy& copy, const images::Caller& caller,
                               const OperationId& id, Time now) {
    return {.id = id,
            .kind = copy.image ? operation_kind::copy_image : operation_kind::copy_snapshot,
            .owner = caller.account,
            .resource_id = copy.image ? copy.image->str() : copy.parts.front().snapshot.str(),
            .payload = to_json(copy),
            .created = now};
}

/// Inserts the pending image with its snapshots and tags; what remains is to copy the layers.
Copy insert_image_copy(Session& session, const CopyTarget& target,
                       const CopyImageRequest& request) {
    const images::Caller& caller = target.caller;
    const images::Scope source_scope{.owner = caller.account, .region = request.source_region};
    const Image source = images::get_launchable_image(session, source_scope, request.source);
    refuse_of_stranger(session, caller, source.owner, source.id.str());
    images::check_allowed(session, source_scope, source, target.now);
    Image image = copied_image(session, caller, request, source, target.now);
    images::inherit_product_codes(session, source.id.str(), image.id.str());
    Copy copy{.image = image.id,
              .source_region = request.source_region,
              .region = caller.region,
              .parts = insert_snapshots(session, target, source_scope, source, image)};
    copy.layers = layers_of(session, copy);
    images::insert_image(session, image);
    images::set_uefi_data(session, image.id, images::uefi_data_of(session, source.id));
    images::set_tags(session, caller.scope(), image.id.str(),
                     tags_of_copy(session, source_scope, request));
    for (const CopyPart& part : copy.parts)
        images::set_tags(session, caller.scope(), part.snapshot.str(), request.snapshot_tags);
    return copy;
}

Copy insert_snapshot_copy(Session& session, const CopyTarget& target,
                          const CopySnapshotRequest& request) {
    const images::Caller& caller = target.caller;
    const images::Scope source_scope{.owner = caller.account, .region = request.source_region};
    const Snapshot source = images::get_usable_snapshot(session, source_scope, request.source);
    const std::string description =
        request.description.empty()
            ? fmt::format("[Copied {} from {}]", source.id.str(), source.region)
            : request.description;
    const CopyPart part = insert_pending_copy(session, target, source, description);
    images::set_tags(session, caller.scope(), part.snapshot.str(), request.tags);
    Copy copy{.source_region = request.source_region, .region = caller.region, .parts = {part}};
    copy.layers = layers_of(session, copy);
    return copy;
}

std::optional<ImageId> earlier_copy(Session& session, const images::Caller& caller,
                                    const CopyImageRequest& request, const std::string& digest) {
    if (request.client_token.empty()) return std::nullopt;
    const auto earlier = images::find_client_token(session, caller.scope(), copy_image_action,
                                                   request.client_token, digest);
    if (!earlier) return std::nullopt;
    return ImageId(earlier->resource_id);
}

void remember_token(Session& session, const images::Caller& caller, const CopyImageRequest& request,
                    const std::string& digest, const images::Operation& made) {
    if (request.client_token.empty()) return;
    images::insert_client_token(session, caller.scope(),
                                {.action = copy_image_action,
                                 .token = request.client_token,
                                 .parameters_digest = digest,
                                 .resource_id = made.resource_id,
                                 .created = made.created});
}

}  // namespace

ImageId Launcher::copy_image(const images::Caller& caller, const CopyImageRequest& request) {
    Implementation& use = *implementation_;
    images::check_image_name(request.name);
    check_description(request.description);
    check_client_token(request.client_token);
    check_encryption(use.database(), caller, request.encryption);
    const Region& source = use.use().regions.get(request.source_region);
    use.check_pool_space(caller.region);
    const Time now = use.now();
    const CopyTarget target{
        .caller = caller,
        .encryption = request.encryption,
        .own_key = key_for(use.database(), use.region_of(caller), caller, request, now),
        .now = now};
    const std::string digest = digest_of(request);
    const OperationId operation = OperationId::generate();
    Copy copy;
    const auto reading = source.chains->read();  // until what is read is pinned
    const auto earlier = use.database().write([&](Session& session) {
        auto found = earlier_copy(session, caller, request, digest);
        if (found) return found;
        copy = insert_image_copy(session, target, request);
        const images::Operation made = operation_of(copy, caller, operation, target.now);
        insert_copy(session, made, copy);
        remember_token(session, caller, request, digest, made);
        caller.stop_if_dry_run();
        return found;
    });
    if (earlier) return *earlier;
    use.copies().add(operation, copy);
    return copy.image.value();
}

SnapshotId Launcher::copy_snapshot(const images::Caller& caller,
                                   const CopySnapshotRequest& request) {
    Implementation& use = *implementation_;
    check_description(request.description);
    check_encryption(use.database(), caller, request.encryption);
    const Region& source = use.use().regions.get(request.source_region);
    use.check_pool_space(caller.region);
    const Time now = use.now();
    const CopyTarget target{
        .caller = caller,
        .encryption = request.encryption,
        .own_key = key_for(use.database(), use.region_of(caller), caller, request, now),
        .now = now};
    const OperationId operation = OperationId::generate();
    const auto reading = source.chains->read();  // until what is read is pinned
    const Copy copy = use.database().write([&](Session& session) {
        Copy made = insert_snapshot_copy(session, target, request);
        insert_copy(session, operation_of(made, caller, operation, target.now), made);
        caller.stop_if_dry_run();
        return made;
    });
    use.copies().add(operation, copy);
    return copy.parts.front().snapshot;
}

std::optional<int> Launcher::copied_percent(const SnapshotId& snapshot) const {
    return implementation_->copies().percent_done(snapshot);
}

}  // namespace kiln::launcher
