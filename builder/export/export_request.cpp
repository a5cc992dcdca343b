#include "builder/export/export_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/export/export_files.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/market/product_code.hpp"

namespace kiln::builder {

namespace {

using images::DiskImageFormat;
using images::ExportTask;
using images::Image;

constexpr const char* action = "ExportImage";
constexpr std::size_t longest_text = 255;

/// Whose disk is read, and what its snapshot's layer is.
struct Disk {
    LayerId layer;
    Bytes size;
};

Error unsupported(const ImageId& image, const std::string& why) {
    return {error_code::unsupported_operation, image.str(),
            fmt::format("The image '{}' cannot be exported: {}", image.str(), why)};
}

void refuse_product_codes(Session& session, const Image& image, const std::string& resource) {
    const auto codes = images::product_codes_of(session, resource);
    if (codes.empty()) return;
    throw Error("NotExportable", image.id.str(),
                fmt::format("The image '{}' cannot be exported: it has the product code {}, which "
                            "a file could not keep",
                            image.id.str(), codes.front()));
}

/// Encrypted ones are refused for everybody: whoever wants the content in clear copies it into a
/// snapshot that is not, if they may.
Disk disk_of(Session& session, const Image& image, const SnapshotId& id) {
    const auto snapshot = images::find_snapshot(session, id);
    if (!snapshot || !snapshot->layer)
        throw unsupported(image.id, fmt::format("its snapshot '{}' is not there", id.str()));
    if (snapshot->key_id) {
        throw unsupported(
            image.id, fmt::format("its snapshot '{}' is encrypted, and the file would be in clear. "
                                  "Launch it, and copy what may leave into a volume that is not "
                                  "encrypted",
                                  id.str()));
    }
    return {.layer = *snapshot->layer, .size = snapshot->volume_size};
}

/// The image's only disk.
SnapshotId only_snapshot(const Image& image) {
    if (image.root_device_type != images::DeviceType::ebs) {
        throw unsupported(image.id,
                          "it is an instance-store image; make an EBS-backed image of it "
                          "first: kiln convert-image");
    }
    const auto has_snapshot = [](const images::ImageBlockDevice& device) {
        return device.snapshot.has_value();
    };
    const images::ImageBlockDevice* root = images::root_device(image);
    if (root == nullptr || !root->snapshot)
        throw unsupported(image.id, "its root device has no snapshot");
    if (std::ranges::count_if(image.block_devices, has_snapshot) > 1) {
        throw unsupported(image.id,
                          "it has data disks besides its root; register an image of the "
                          "root's snapshot alone, and export that");
    }
    return *root->snapshot;
}

void check_format(const Image& image, DiskImageFormat format) {
    const bool is_machine =
        format == DiskImageFormat::ova || format == DiskImageFormat::vagrant_libvirt;
    if (is_machine && image.virtualization_type != images::VirtualizationType::hvm)
        throw unsupported(image.id, "a paravirtual image boots on no machine of that format");
    if (format != DiskImageFormat::vagrant_libvirt) return;
    if (image.architecture != images::Architecture::x86_64 &&
        image.architecture != images::Architecture::i386) {
        throw unsupported(image.id, fmt::format("boxes are made of images for x86_64 and i386, and "
                                                "this one is for {}",
                                                to_text(image.architecture)));
    }
    if (image.platform == images::windows_platform)
        throw unsupported(image.id, "boxes of Vagrant are made of Linux images");
}

void check_request(const ExportRequest& request) {
    if (request.base && request.format != DiskImageFormat::qcow2) {
        throw Error(
            error_code::invalid_parameter_combination, "BaseImageId",
            fmt::format("Only the format qcow2 knows files that stand on a base, and not {}",
                        to_text(request.format)));
    }
    if (request.base == request.image) {
        throw Error(error_code::invalid_parameter_combination, "BaseImageId",
                    "The base must be another image than the one to export");
    }
    for (const std::string* text :
         {&request.description, &request.role_name, &request.client_token}) {
        if (text->size() <= longest_text) continue;
        throw Error(error_code::invalid_parameter_value, *text,
                    fmt::format("Description, RoleName and ClientToken may have {} characters each",
                                longest_text));
    }
}

Disk disk_to_export(Session& session, const images::Caller& caller, const ExportRequest& request) {
    images::get_own_image(session, caller.scope(), request.image);
    const Image image = images::get_launchable_image(session, caller.scope(), request.image);
    refuse_product_codes(session, image, image.id.str());
    check_format(image, request.format);
    const SnapshotId snapshot = only_snapshot(image);
    Disk disk = disk_of(session, image, snapshot);
    images::get_usable_snapshot(session, caller.scope(), snapshot);
    refuse_product_codes(session, image, snapshot.str());
    return disk;
}

/// Nothing of the base itself gets into the file: it need not be the caller's own.
LayerId layer_of_base(Session& session, const images::Caller& caller, const ImageId& base) {
    const Image image = images::get_launchable_image(session, caller.scope(), base);
    return disk_of(session, image, only_snapshot(image)).layer;
}

void check_limits(Session& session, const images::Caller& caller, Bytes size) {
    const std::int64_t active = images::count_active_exports(session, caller.scope());
    if (active >= max_active_exports) {
        throw Error("ResourceLimitExceeded", "",
                    fmt::format("{} exports of yours have not ended: wait for one, or cancel it "
                                "(CancelExportTask)",
                                active));
    }
    images::check_volume_quota(session, caller.account, size);
}

std::string digest_of_request(const ExportRequest& request) {
    return sha256_hex(nlohmann::json{
        request.image.str(), to_text(request.format), request.base ? request.base->str() : "",
        request.location ? request.location->bucket : "",
        request.location ? request.location->prefix : "", request.description, request.role_name}
                          .dump());
}

void insert_intent(Session& session, const ExportTask& task, const ExportedLayers& layers) {
    const images::Operation operation{.id = OperationId::generate(),
                                      .kind = export_operation_kind,
                                      .owner = task.owner,
                                      .resource_id = task.id.str(),
                                      .payload = to_json(layers),
                                      .created = task.started};
    images::insert_operation(session, operation);
    images::pin_layer(session, operation.id, task.region, layers.disk);
    if (layers.base) images::pin_layer(session, operation.id, task.region, *layers.base);
}

std::optional<ExportTask> earlier_task(Session& session, const images::Caller& caller,
                                       const ExportRequest& request) {
    if (request.client_token.empty()) return std::nullopt;
    const auto earlier = images::find_client_token(
        session, caller.scope(), action, request.client_token, digest_of_request(request));
    if (!earlier) return std::nullopt;
    return images::get_export_task(session, caller.scope(),
                                   images::ExportTaskId(earlier->resource_id));
}

void remember(Session& session, const images::Caller& caller, const ExportRequest& request,
              const ExportTask& task) {
    if (request.client_token.empty()) return;
    images::insert_client_token(session, caller.scope(),
                                {.action = action,
                                 .token = request.client_token,
                                 .parameters_digest = digest_of_request(request),
                                 .resource_id = task.id.str(),
                                 .created = task.started});
}

}  // namespace

std::string to_json(const ExportedLayers& layers) {
    nlohmann::json json{{"disk", layers.disk.str()}};
    if (layers.base) json["base"] = layers.base->str();
    return json.dump();
}

ExportedLayers parse_exported_layers(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    ExportedLayers layers{.disk = LayerId(document.at("disk").get<std::string>())};
    if (document.contains("base")) layers.base = LayerId(document.at("base").get<std::string>());
    return layers;
}

ExportTask insert_export(Session& session, const images::Caller& caller,
                         const ExportRequest& request, const images::ObjectStore& store, Time now) {
    check_request(request);
    if (auto earlier = earlier_task(session, caller, request)) return *std::move(earlier);
    const Disk disk = disk_to_export(session, caller, request);
    ExportedLayers layers{.disk = disk.layer};
    if (request.base) layers.base = layer_of_base(session, caller, *request.base);
    check_limits(session, caller, disk.size);
    ExportTask task{.id = images::ExportTaskId::generate(),
                    .owner = caller.account,
                    .region = caller.region,
                    .image = request.image,
                    .base = request.base,
                    .format = request.format,
                    .description = request.description,
                    .role_name = request.role_name,
                    .state = images::ExportTaskState::active,
                    .virtual_size = disk.size,
                    .started = now,
                    .updated = now};
    if (request.location) {
        task.bucket = request.location->bucket;
        task.object_prefix = request.location->prefix;
        images::claim_bucket(session, caller.account, task.bucket, now);
        store.check(export_object(task));
    }
    images::insert_export_task(session, task);
    insert_intent(session, task, layers);
    remember(session, caller, request, task);
    caller.stop_if_dry_run();
    return task;
}

}  // namespace kiln::builder
