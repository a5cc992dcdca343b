#include "images/catalog/image.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/error.hpp"
#include "images/catalog/image_name.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/table.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/catalog/unpacked_image.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t min_name_length = 3;
constexpr std::size_t max_name_length = 128;

struct ImageTable {
    static constexpr const char* name = "images";
    static Image blank() {
        return {.id = placeholder_id<ImageId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& image) {
        column("image_id", image.id);
        column("owner", image.owner);
        column("region", image.region);
        column("name", image.name);
        column("description", image.description);
        column("state", image.state);
        column("state_reason", image.state_reason);
        column("architecture", image.architecture);
        column("virtualization_type", image.virtualization_type);
        column("boot_mode", image.boot_mode);
        column("imds_support", image.imds_support);
        column("deprecated", image.deprecated);
        column("deregistration_protection", image.deregistration_protection);
        column("protected_until", image.protected_until);
        column("last_launched", image.last_launched);
        column("root_device_name", image.root_device_name);
        column("kernel_id", image.kernel_id);
        column("ramdisk_id", image.ramdisk_id);
        column("platform", image.platform);
        column("login_user", image.login_user);
        column("source_instance_id", image.source_instance);
        column("source_image_id", image.source_image);
        column("created", image.created);
        column("root_device_type", image.root_device_type);
        column("image_location", image.location);
        column("tpm_support", image.tpm_support);
        column("secure_boot", image.secure_boot);
        column("os_id", image.os_id);
        column("drivers", image.drivers);
        column("purpose", image.purpose);
        column("source_region", image.source_region);
        column("origin", image.origin);
    }
};

struct BlockDeviceRow {
    ImageId image;
    ImageBlockDevice device;
};

struct BlockDeviceTable {
    static constexpr const char* name = "image_block_devices";
    static BlockDeviceRow blank() { return {.image = placeholder_id<ImageId>()}; }
    static void columns(auto& column, auto& row) {
        column("image_id", row.image);
        column("device_name", row.device.device_name);
        column("snapshot_id", row.device.snapshot);
        column("volume_size", row.device.volume_size);
        column("volume_type", row.device.volume_type);
        column("delete_on_termination", row.device.delete_on_termination);
        column("virtual_name", row.device.virtual_name);
        column("encrypted", row.device.encrypted);
    }
};

[[noreturn]] void throw_not_found(const std::vector<ImageId>& ids) {
    std::vector<std::string> names;
    names.reserve(ids.size());
    for (const ImageId& id : ids)
        names.push_back(id.str());
    throw Error("InvalidAMIID.NotFound", names.front(),
                fmt::format("The image id{} '[{}]' do{} not exist", ids.size() == 1 ? "" : "s",
                            fmt::join(names, ", "), ids.size() == 1 ? "es" : ""));
}

[[noreturn]] void throw_unavailable(const Image& image) {
    if (image.state == ImageState::deregistered) {
        throw Error("InvalidAMIID.Unavailable", image.id.str(),
                    fmt::format("The image id '[{}]' is no longer available", image.id.str()));
    }
    const std::string reason = image.state_reason.empty() ? "" : ": " + image.state_reason;
    throw Error("InvalidAMIID.Unavailable", image.id.str(),
                fmt::format("The image id '[{}]' is not available: its state is {}{}",
                            image.id.str(), to_text(image.state), reason));
}

bool may_see(Session& session, const Scope& scope, const Image& image) {
    if (image.region != scope.region) return false;
    return image.owner == scope.owner || is_shared_with(session, image.id, scope.owner);
}

std::vector<ImageBlockDevice> block_devices_of(Session& session, const ImageId& id) {
    std::vector<ImageBlockDevice> devices;
    for (BlockDeviceRow& row : select_rows<BlockDeviceTable>(
             session, "where image_id = :id order by device_name", {{"id", id.str()}})) {
        devices.push_back(std::move(row.device));
    }
    return devices;
}

/// One pass over all devices: much quicker than a look-up for each of thousands of images.
void add_block_devices(Session& session, std::vector<Image>& images) {
    std::unordered_map<std::string_view, Image*> by_id;
    by_id.reserve(images.size());
    for (Image& image : images)
        by_id.emplace(image.id.str(), &image);
    BlockDeviceRow row = BlockDeviceTable::blank();
    for (Rows<BlockDeviceTable> rows(session, "", {}); rows.next();) {
        rows.read(row);
        const auto image = by_id.find(row.image.str());
        if (image != by_id.end()) image->second->block_devices.push_back(row.device);
    }
    for (Image& image : images)
        std::ranges::sort(image.block_devices, {}, &ImageBlockDevice::device_name);
}

/// One pass over all public ones, for the same reason.
void mark_public_images(Session& session, std::vector<Image>& images) {
    std::unordered_set<std::string> ids;
    Statement rows(session, "select image_id from image_permissions where grantee = :everybody",
                   {{"everybody", everybody}}, {ColumnType::text});
    while (rows.next())
        ids.insert(rows.text(0));
    for (Image& image : images)
        image.is_public = ids.contains(image.id.str());
}

std::vector<Image> select_images(Session& session, std::string_view condition,
                                 const std::vector<SqlParameter>& parameters = {}) {
    std::vector<Image> images = select_rows<ImageTable>(
        session, fmt::format("where {} order by created, image_id", condition), parameters);
    if (images.empty()) return images;
    add_block_devices(session, images);
    mark_public_images(session, images);
    return images;
}

std::vector<Image> visible_images(Session& session, const Scope& scope, const std::string& after) {
    return select_images(
        session,
        "region = :region and image_id > :after and state in ('pending', 'available', 'failed', "
        "'disabled')"
        " and (owner = :owner or image_id in"
        "  (select image_id from image_permissions"
        "   where grantee in (:owner, :everybody) or grantee in"
        "    (select arn from account_arns where account_id = :owner))"
        "  and owner not in (select account_id from accounts where state = 'SUSPENDED'))",
        {{"region", scope.region},
         {"after", after},
         {"owner", scope.owner.str()},
         {"everybody", everybody}});
}

std::vector<Image> images_by_id(Session& session, const Scope& scope,
                                const std::vector<ImageId>& ids) {
    std::vector<Image> images;
    std::vector<ImageId> unknown;
    for (const ImageId& id : std::set(ids.begin(), ids.end())) {
        auto image = find_image(session, id);
        if (!image || !may_see(session, scope, *image)) {
            unknown.push_back(id);
        } else if (image->state != ImageState::deregistered) {
            images.push_back(*std::move(image));
        }
    }
    if (!unknown.empty()) throw_not_found(unknown);
    std::ranges::stable_sort(images, {}, &Image::created);
    return images;
}

bool is_owned_by_one_of(const Image& image, const std::vector<std::string>& owners,
                        const Scope& scope) {
    return std::ranges::any_of(owners, [&](const std::string& owner) {
        return image.owner.str() == (owner == "self" ? scope.owner.str() : owner);
    });
}

/// Whoever does not ask for it by its id has to ask for such an image.
bool is_hidden(const Image& image, const ImageQuery& query, const Scope& scope) {
    if (image.state == ImageState::disabled && !query.with_disabled) return true;
    const bool deprecated = image.deprecated && *image.deprecated <= query.now;
    return deprecated && !query.with_deprecated && image.owner != scope.owner;
}

bool is_executable_by_one_of(Session& session, const Image& image,
                             const std::vector<std::string>& users, const Scope& scope) {
    return std::ranges::any_of(users, [&](const std::string& user) {
        if (user == everybody) return image.is_public;
        if (user == "self" || user == scope.owner.str())
            return is_shared_explicitly_with(session, image.id, scope.owner);
        // Whom else an image is shared with is its owner's to know.
        return image.owner == scope.owner && has_grantee(session, image.id, user);
    });
}

void insert_block_devices(Session& session, const ImageId& id,
                          const std::vector<ImageBlockDevice>& devices) {
    for (const ImageBlockDevice& device : devices)
        insert_row<BlockDeviceTable>(session, {.image = id, .device = device});
}

}  // namespace

const ImageBlockDevice* root_device(const Image& image) {
    const auto root = std::ranges::find(image.block_devices, image.root_device_name,
                                        &ImageBlockDevice::device_name);
    return root == image.block_devices.end() ? nullptr : &*root;
}

Image image_made_of(const Image& source, const std::string& name, Time now) {
    Image image = source;
    image.id = ImageId::generate();
    image.name = name;
    image.state = ImageState::pending;
    image.state_reason.clear();
    image.source_instance.reset();
    image.source_image = source.id;
    image.source_region = source.region;
    image.origin = ImageOrigin::copy;
    image.is_public = false;
    image.created = now;
    image.deprecated.reset();
    image.deregistration_protection = DeregistrationProtection::disabled;
    image.protected_until.reset();
    image.last_launched.reset();
    return image;
}

void check_image_name_is_free(Session& session, const Scope& scope, const std::string& name) {
    Statement other(session,
                    "select image_id from images where owner = :owner and region = :region"
                    " and name = :name and state in ('pending', 'available', 'disabled')",
                    {{"owner", scope.owner.str()}, {"region", scope.region}, {"name", name}},
                    {ColumnType::text});
    if (!other.next()) return;
    throw Error("InvalidAMIName.Duplicate", name,
                fmt::format("AMI name {} is already in use by AMI {}", name, other.text(0)));
}

void check_image_name(const std::string& name) {
    constexpr std::string_view punctuation = "()[] ./-'@_";
    const bool allowed = std::ranges::all_of(name, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               punctuation.find(c) != std::string_view::npos;
    });
    if (allowed && name.size() >= min_name_length && name.size() <= max_name_length) return;
    throw Error("InvalidAMIName.Malformed", name,
                fmt::format("AMI names must be between {} and {} characters long, and may contain "
                            "letters, digits, spaces and ( ) [ ] . / - ' @ _",
                            min_name_length, max_name_length));
}

void insert_image(Session& session, const Image& image) {
    check_image_name_is_free(session, {.owner = image.owner, .region = image.region}, image.name);
    check_quota(session, image.owner, Quota::images, count_images, 1);
    insert_row<ImageTable>(session, image);
    if (image.is_public) grant(session, image.id, everybody);
    insert_block_devices(session, image.id, image.block_devices);
}

Image get_image(Session& session, const Scope& scope, const ImageId& id) {
    auto image = find_image(session, id);
    if (!image || !may_see(session, scope, *image)) throw_not_found({id});
    if (image->state == ImageState::deregistered) throw_unavailable(*image);
    return *std::move(image);
}

Image get_launchable_image(Session& session, const Scope& scope, const ImageId& id) {
    auto image = find_image(session, id);
    if (!image || image->region != scope.region) throw_not_found({id});
    if (!may_see(session, scope, *image)) {
        throw Error("AuthFailure", id.str(),
                    fmt::format("Not authorized for images: [{}]", id.str()));
    }
    if (image->state != ImageState::available) throw_unavailable(*image);
    return *std::move(image);
}

Image get_own_image(Session& session, const Scope& scope, const ImageId& id) {
    Image image = get_image(session, scope, id);
    if (image.owner == scope.owner) return image;
    throw Error("AuthFailure", id.str(), fmt::format("Not authorized for image:{}", id.str()));
}

std::optional<Image> find_image(Session& session, const ImageId& id) {
    auto image = select_row<ImageTable>(session, "where image_id = :id", {{"id", id.str()}});
    if (!image) return image;
    image->block_devices = block_devices_of(session, id);
    image->is_public = has_grantee(session, id, everybody);
    return image;
}

std::vector<Image> list_images(Session& session, const Scope& scope, const ImageQuery& query) {
    std::vector<Image> images = query.ids.empty() ? visible_images(session, scope, query.after)
                                                  : images_by_id(session, scope, query.ids);
    if (!query.owners.empty()) {
        std::erase_if(images, [&](const Image& image) {
            return !is_owned_by_one_of(image, query.owners, scope);
        });
    }
    if (query.ids.empty())
        std::erase_if(images, [&](const Image& image) { return is_hidden(image, query, scope); });
    if (!query.executable_by.empty()) {
        std::erase_if(images, [&](const Image& image) {
            return !is_executable_by_one_of(session, image, query.executable_by, scope);
        });
    }
    return images;
}

void set_image_state(Session& session, const ImageId& id, ImageState state,
                     const std::string& reason) {
    run_sql(session,
            "update images set state = :state, state_reason = :reason where image_id = :id",
            {{"state", to_value(state)}, {"reason", reason}, {"id", id.str()}});
    if (state != ImageState::deregistered) return;
    // Nothing is launched from it any more, so it must not keep its snapshots from being deleted.
    set_image_block_devices(session, id, {});
    forget_unused_uefi_data(session);
    forget_unpacked_layer(session, id);
}

void update_image(Session& session, const Image& image) {
    update_row<ImageTable>(session, image);
}

void set_image_block_devices(Session& session, const ImageId& id,
                             const std::vector<ImageBlockDevice>& devices) {
    run_sql(session, "delete from image_block_devices where image_id = :id", {{"id", id.str()}});
    insert_block_devices(session, id, devices);
}

std::vector<ImageId> images_using_snapshot(Session& session, const SnapshotId& id) {
    Statement rows(session,
                   "select images.image_id from images join image_block_devices"
                   " on image_block_devices.image_id = images.image_id"
                   " where snapshot_id = :id and state in ('pending', 'available', 'disabled')"
                   " order by images.image_id",
                   {{"id", id.str()}}, {ColumnType::text});
    std::vector<ImageId> ids;
    while (rows.next())
        ids.emplace_back(rows.text(0));
    return ids;
}

std::vector<ImageId> images_at_location(Session& session, const std::string& location) {
    std::vector<ImageId> ids;
    for (const Image& image : select_images(
             session,
             "image_location = :location and state in ('pending', 'available', 'disabled')",
             {{"location", location}})) {
        ids.push_back(image.id);
    }
    return ids;
}

std::optional<Image> find_image_for(Session& session, const Scope& scope, const AccountId& manager,
                                    const char* purpose) {
    std::vector<Image> images =
        select_images(session,
                      "region = :region and state = 'available' and purpose = :purpose"
                      " and owner in (:owner, :manager)",
                      {{"region", scope.region},
                       {"purpose", purpose},
                       {"owner", scope.owner.str()},
                       {"manager", manager.str()}});
    std::erase_if(images, [&](const Image& image) {
        // Copies and conversions may be what no guest can begin in.
        return !may_see(session, scope, image) || image.root_device_type != DeviceType::ebs ||
               std::ranges::any_of(image.block_devices, &ImageBlockDevice::encrypted);
    });
    if (images.empty()) return std::nullopt;
    return std::move(images.back());
}

std::vector<Image> pending_images(Session& session) {
    return select_images(session, "state = 'pending'");
}

}  // namespace kiln::images
