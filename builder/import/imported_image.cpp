#include "builder/import/imported_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "builder/inspection/inspect_image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/market/product_code.hpp"

namespace kiln::builder {

namespace {

using images::Architecture;
using images::BootMode;
using Json = nlohmann::json;

constexpr char first_device_letter = 'a';
constexpr char last_device_letter = 'z';
constexpr const char* windows = "windows";

std::optional<Architecture> architecture_of(const std::optional<Inspection>& found) {
    if (!found) return std::nullopt;
    if (found->architecture == "x86_64") return Architecture::x86_64;
    if (found->architecture == "i386") return Architecture::i386;
    if (found->architecture == "aarch64") return Architecture::arm64;
    return std::nullopt;
}

Architecture choose_architecture(const ImportImageRequest& request,
                                 const std::optional<Inspection>& found) {
    const auto seen = architecture_of(found);
    if (!request.architecture) return seen.value_or(Architecture::x86_64);
    if (seen && *seen != *request.architecture) {
        throw Error(error_code::invalid_parameter_value, "",
                    fmt::format("the system on the disk is for {}, and not for {} as was asked for",
                                to_text(*seen), to_text(*request.architecture)));
    }
    return *request.architecture;
}

BootMode choose_boot_mode(const ImportImageRequest& request, const std::optional<Inspection>& found,
                          Architecture architecture) {
    if (request.boot_mode) return *request.boot_mode;
    if (architecture == Architecture::arm64) return BootMode::uefi;
    const bool needs_uefi = found && found->has_efi_partition && !found->has_bios_loader;
    return needs_uefi ? BootMode::uefi : BootMode::legacy_bios;
}

/// Whom the cloud images of the distributions let in.
std::string choose_login_user(const ImportImageRequest& request,
                              const std::optional<Inspection>& found) {
    static const std::map<std::string, std::string> users{
        {"debian", "debian"},     {"ubuntu", "ubuntu"},
        {"fedora", "fedora"},     {"centos", "centos"},
        {"rocky", "rocky"},       {"almalinux", "almalinux"},
        {"arch", "arch"},         {"alpinelinux", "alpine"},
        {"opensuse", "opensuse"}, {"windows", "Administrator"}};
    if (!request.login_user.empty()) return request.login_user;
    const auto known = found ? users.find(found->distribution) : users.end();
    return known != users.end() ? known->second : "root";
}

std::string root_device_name_of(const ImportImageRequest& request) {
    const bool is_named = !request.disks.empty() && !request.disks.front().device_name.empty();
    if (is_named) return request.disks.front().device_name;
    return fmt::format("/dev/xvd{}", first_device_letter);
}

/// The name of a container is that of its first disk; the others get those that are free.
std::vector<std::string> device_names_of(const ImportImageRequest& request,
                                         const std::vector<ImportedDisk>& disks) {
    std::set<std::string> taken;
    for (const DiskContainer& container : request.disks)
        taken.insert(container.device_name);
    std::vector<std::string> names;
    char letter = first_device_letter;
    for (std::size_t i = 0; i < disks.size(); ++i) {
        const std::size_t container = disks[i].container;
        const bool is_first = i == 0 || disks[i - 1].container != container;
        const std::string& wanted = request.disks.at(container).device_name;
        if (is_first && !wanted.empty()) {
            names.push_back(wanted);
            continue;
        }
        std::string name;
        do {
            if (letter > last_device_letter) {
                throw Error(error_code::invalid_parameter_value, "",
                            fmt::format("the archives have {} disks, more than an image can have",
                                        disks.size()));
            }
            name = fmt::format("/dev/xvd{}", letter++);
        } while (!taken.insert(name).second);
        names.push_back(name);
    }
    return names;
}

std::string source_of(const DiskSource& source) {
    if (const auto* url = std::get_if<DiskUrl>(&source)) return url->url;
    if (const auto* object = std::get_if<images::ObjectName>(&source)) return to_text(*object);
    return "";
}

images::Snapshot new_snapshot(const Publication& publication, const images::Pool& pool,
                              const ImportedLayer& disk) {
    const images::ImportTask& task = publication.task;
    return {.id = SnapshotId::generate(),
            .owner = task.owner,
            .region = task.region,
            .layer = disk.layer,
            .state = images::SnapshotState::completed,
            .volume_size = disk.size,
            .stored_size = pool.allocated_size(disk.layer),
            .description = disk.description.empty()
                               ? fmt::format("Created by AWS-VMImport service for {}", task.id)
                               : disk.description,
            .created = publication.now};
}

/// It may have been deleted since the request.
images::Snapshot own_snapshot(Session& session, const images::ImportTask& task,
                              const SnapshotId& id) {
    return images::get_usable_snapshot(session, {.owner = task.owner, .region = task.region}, id);
}

images::Snapshot insert_disk(Session& session, const images::Pool& pool,
                             const Publication& publication, const ImportedLayer& disk) {
    const images::ImportTask& task = publication.task;
    images::check_volume_quota(session, task.owner, disk.size);
    images::insert_layer(session, {.id = disk.layer,
                                   .region = task.region,
                                   .state = images::LayerState::frozen,
                                   .virtual_size = disk.size,
                                   .created = publication.now});
    images::Snapshot snapshot = new_snapshot(publication, pool, disk);
    images::insert_snapshot(session, snapshot);
    images::set_tags(session, {.owner = task.owner, .region = task.region}, snapshot.id.str(),
                     publication.request.snapshot_tags);
    return snapshot;
}

}  // namespace

images::Image describe_image(const images::ImportTask& task, const ImportImageRequest& request,
                             const std::optional<Inspection>& found, Time now) {
    const Architecture architecture = choose_architecture(request, found);
    images::Image image{.id = ImageId::generate(),
                        .owner = task.owner,
                        .region = task.region,
                        .name = request.name.empty() ? task.id : request.name,
                        .description = request.description,
                        .state = images::ImageState::available,
                        .architecture = architecture,
                        .virtualization_type = images::VirtualizationType::hvm,
                        .boot_mode = choose_boot_mode(request, found, architecture),
                        .root_device_name = root_device_name_of(request),
                        .platform = request.platform == windows ? images::windows_platform : "",
                        .login_user = choose_login_user(request, found),
                        .created = now,
                        .origin = images::ImageOrigin::import};
    if (!found) return image;
    const BootMode boot_mode = image.boot_mode;
    note(*found, image);
    if (request.boot_mode) image.boot_mode = boot_mode;
    if (request.platform == windows && image.platform.empty()) {
        throw Error(error_code::invalid_parameter_value, "",
                    fmt::format("the system on the disk is {}, and not Windows as was asked for",
                                found->product));
    }
    return image;
}

bool publish_import(Session& session, const images::Pool& pool, const Publication& publication) {
    auto task = images::find_import_task(session, publication.task.id);
    if (!task || task->state != images::TaskState::active) return false;
    std::optional<images::Image> image = publication.image;
    Json result = Json::array();
    const std::vector<std::string> devices =
        device_names_of(publication.request, publication.disks);
    for (std::size_t i = 0; i < publication.disks.size(); ++i) {
        const ImportedDisk& disk = publication.disks[i];
        const DiskContainer& container = publication.request.disks.at(disk.container);
        const auto* layer = std::get_if<ImportedLayer>(&disk.disk);
        const images::Snapshot snapshot =
            layer != nullptr ? insert_disk(session, pool, publication, *layer)
                             : own_snapshot(session, *task, std::get<SnapshotId>(disk.disk));
        const std::string& device = devices[i];
        if (image) {
            image->block_devices.push_back({.device_name = device,
                                            .snapshot = snapshot.id,
                                            .volume_size = snapshot.volume_size,
                                            .encrypted = snapshot.key_id.has_value()});
        }
        result.push_back({{"snapshot", snapshot.id.str()},
                          {"device", device},
                          {"format", container.format},
                          {"description", snapshot.description},
                          {"source", source_of(container.source)},
                          {"size", snapshot.volume_size.value}});
    }
    if (image) {
        std::ranges::sort(image->block_devices, {}, &images::ImageBlockDevice::device_name);
        images::insert_image(session, *image);
        images::inherit_product_codes(session, *image);
        images::set_tags(session, {.owner = task->owner, .region = task->region}, image->id.str(),
                         publication.request.image_tags);
        task->image = image->id;
    }
    task->state = images::TaskState::completed;
    task->message = publication.message;
    task->result = result.dump();
    images::update_import_task(session, *task);
    return true;
}

std::vector<ImportedSnapshot> imported_snapshots(const images::ImportTask& task) {
    std::vector<ImportedSnapshot> snapshots;
    if (task.result.empty()) return snapshots;
    for (const Json& disk : Json::parse(task.result)) {
        snapshots.push_back({.id = SnapshotId(disk.at("snapshot").get<std::string>()),
                             .device_name = disk.at("device"),
                             .format = disk.at("format"),
                             .description = disk.at("description"),
                             .source = disk.at("source"),
                             .size = {disk.at("size").get<std::uint64_t>()}});
    }
    return snapshots;
}

}  // namespace kiln::builder
