#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/accounts/account.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/tag.hpp"
#include "images/market/product_code.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::Snapshot;
using images::Volume;

/// The tags of the request, and the volume's where the request has no such key.
std::vector<images::Tag> tags_of_snapshot(Session& session, const images::Caller& caller,
                                          const CreateSnapshotsRequest& request,
                                          const VolumeId& volume) {
    std::vector<images::Tag> tags = request.tags;
    if (!request.copy_tags_from_volume) return tags;
    for (const images::TagDescription& own : images::list_tags(session, caller.scope())) {
        const bool asked =
            std::ranges::find(request.tags, own.tag.key, &images::Tag::key) != request.tags.end();
        if (own.resource_id == volume.str() && !asked) tags.push_back(own.tag);
    }
    return tags;
}

/// The instance's volumes without those that the request leaves out.
std::vector<Volume> volumes_to_capture(Session& session, const images::Instance& instance,
                                       const CreateSnapshotsRequest& request) {
    std::vector<Volume> volumes = images::ebs_volumes_of_instance(session, instance.id);
    for (const VolumeId& excluded : request.excluded_volumes) {
        const auto found = std::ranges::find(volumes, excluded, &Volume::id);
        if (found == volumes.end()) {
            throw Error("InvalidVolume.NotFound", excluded.str(),
                        fmt::format("The volume '{}' is not attached to '{}'.", excluded.str(),
                                    instance.id.str()));
        }
        if (found->attachment->device_name == instance.root_device_name) {
            throw Error(error_code::invalid_parameter_value, excluded.str(),
                        fmt::format("'{}' is the boot volume: leave it out with "
                                    "ExcludeBootVolume",
                                    excluded.str()));
        }
        volumes.erase(found);
    }
    std::erase_if(volumes, [&](const Volume& volume) {
        return request.exclude_boot_volume &&
               volume.attachment->device_name == instance.root_device_name;
    });
    if (!volumes.empty()) return volumes;
    throw Error(error_code::invalid_parameter_combination, instance.id.str(),
                fmt::format("The request leaves out every volume of '{}'", instance.id.str()));
}

void insert_capture(Session& session, const OperationId& operation, const Capture& capture,
                    const Snapshot& first) {
    images::insert_operation(session, {.id = operation,
                                       .kind = operation_kind::create_snapshot,
                                       .owner = first.owner,
                                       .resource_id = first.id.str(),
                                       .payload = to_json(capture),
                                       .created = first.created});
}

void check_grantee(const std::string& grantee) {
    if (grantee == images::everybody || AccountId::is_valid(grantee)) return;
    throw Error(
        "InvalidAttributeValue", grantee,
        fmt::format("'{}' is neither the group all nor an account id of 12 digits", grantee));
}

/// A typing error would share with nobody, or with a stranger.
void check_present(Session& session, const std::vector<std::string>& grantees) {
    for (const std::string& grantee : grantees) {
        if (grantee == images::everybody || images::find_account(session, AccountId(grantee)))
            continue;
        throw Error("InvalidAttributeValue", grantee,
                    fmt::format("There is no account '{}' to share with", grantee));
    }
}

[[noreturn]] void refuse_to_share(const Snapshot& snapshot) {
    throw Error("OperationNotPermitted", snapshot.id.str(),
                fmt::format("Encrypted snapshots with EBS default key cannot be shared: '{}' is "
                            "encrypted with the key of your account.",
                            snapshot.id.str()));
}

void refuse_to_publish(Session& session, const Snapshot& snapshot) {
    if (images::product_codes_of(session, snapshot.id.str()).empty()) return;
    throw Error("OperationNotPermitted", snapshot.id.str(),
                fmt::format("Snapshots with product codes cannot be made public: '{}' has some",
                            snapshot.id.str()));
}

[[noreturn]] void throw_pending(const SnapshotId& id) {
    throw Error("IncorrectState", id.str(),
                fmt::format("The snapshot '{}' is pending: wait until it is completed.", id.str()));
}

}  // namespace

Snapshot Launcher::create_snapshot(const images::Caller& caller,
                                   const CreateSnapshotRequest& request) {
    Implementation& use = *implementation_;
    check_description(request.description);
    use.check_pool_space(caller.region);
    const OperationId operation = OperationId::generate();
    Capture capture;
    Snapshot snapshot = use.database().write([&](Session& session) {
        const Volume volume = images::get_volume(session, caller.scope(), request.volume);
        capture = {
            .parts = {insert_pending_snapshot(session, volume, request.description, use.now())}};
        Snapshot made = images::find_snapshot(session, *capture.parts.front().snapshot).value();
        images::set_tags(session, caller.scope(), made.id.str(), request.tags);
        insert_capture(session, operation, capture, made);
        caller.stop_if_dry_run();
        return made;
    });
    use.capture().add(operation, capture);
    return snapshot;
}

std::vector<Snapshot> Launcher::create_snapshots(const images::Caller& caller,
                                                 const CreateSnapshotsRequest& request) {
    Implementation& use = *implementation_;
    check_description(request.description);
    use.check_pool_space(caller.region);
    const OperationId operation = OperationId::generate();
    Capture capture;
    auto snapshots = use.database().write([&](Session& session) {
        const auto instance = images::get_instance(session, caller.scope(), request.instance);
        capture = {.instance = instance.id};
        std::vector<Snapshot> made;
        for (const Volume& volume : volumes_to_capture(session, instance, request)) {
            capture.parts.push_back(
                insert_pending_snapshot(session, volume, request.description, use.now()));
            made.push_back(images::find_snapshot(session, *capture.parts.back().snapshot).value());
            images::set_tags(session, caller.scope(), made.back().id.str(),
                             tags_of_snapshot(session, caller, request, volume.id));
        }
        insert_capture(session, operation, capture, made.front());
        caller.stop_if_dry_run();
        return made;
    });
    use.capture().add(operation, capture);
    return snapshots;
}

void Launcher::delete_snapshot(const images::Caller& caller, const SnapshotId& id) {
    Implementation& use = *implementation_;
    std::optional<std::function<void()>> cancel_copy;
    use.database().write([&](Session& session) {
        const Snapshot snapshot = images::get_snapshot(session, caller.scope(), id);
        const auto images = images::images_using_snapshot(session, id);
        if (!images.empty()) {
            throw Error("InvalidSnapshot.InUse", id.str(),
                        fmt::format("The snapshot {} is currently in use by {}", id.str(),
                                    images.front().str()));
        }
        if (snapshot.state == images::SnapshotState::pending) {
            cancel_copy = use.withdraw_pending(session, id.str());
            if (!cancel_copy) throw_pending(id);
        } else {
            images::delete_all_tags(session, id.str());
            images::delete_snapshot(session, id, use.now());
        }
        caller.stop_if_dry_run();
    });
    if (cancel_copy) (*cancel_copy)();
    use.collect_layers(caller.region);
}

void Launcher::modify_snapshot_attribute(const images::Caller& caller,
                                         const ModifySnapshotAttributeRequest& request) {
    for (const auto* grantees : {&request.add, &request.remove}) {
        for (const std::string& grantee : *grantees)
            check_grantee(grantee);
    }
    if (request.add.empty() && request.remove.empty()) {
        throw Error(error_code::missing_parameter, "",
                    "The request must name accounts or the group all to add or remove");
    }
    implementation_->database().write([&](Session& session) {
        const Snapshot snapshot = images::get_snapshot(session, caller.scope(), request.snapshot);
        if (snapshot.key_id && !request.add.empty()) refuse_to_share(snapshot);
        check_present(session, request.add);
        if (std::ranges::find(request.add, images::everybody) != request.add.end())
            refuse_to_publish(session, snapshot);
        for (const std::string& grantee : request.add)
            images::grant(session, request.snapshot, grantee);
        for (const std::string& grantee : request.remove)
            images::revoke(session, request.snapshot, grantee);
        caller.stop_if_dry_run();
    });
}

}  // namespace kiln::launcher
