#include "builder/stages/base_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/recipe/yaml_reader.hpp"
#include "images/accounts/allowed_images.hpp"
#include "images/catalog/image_alias.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/market/product_code.hpp"
#include "images/market/subscription.hpp"

namespace kiln::builder {

namespace {

using images::Image;

bool has_tags(Session& session, const images::Caller& caller, const Image& image,
              const NewestBase& wanted) {
    if (wanted.tags.empty()) return true;
    const auto tags = images::tags_of(session, caller.scope(), image.id.str());
    return std::ranges::all_of(wanted.tags, [&](const auto& pair) {
        return std::ranges::any_of(tags, [&](const images::Tag& tag) {
            return tag.key == pair.first && tag.value == pair.second;
        });
    });
}

bool is_wanted(Session& session, const images::Caller& caller, const Image& image,
               const NewestBase& wanted) {
    return image.state == images::ImageState::available &&
           (wanted.name.empty() || matches_wildcard(image.name, wanted.name)) &&
           (!wanted.architecture || image.architecture == *wanted.architecture) &&
           has_tags(session, caller, image, wanted);
}

/// The oldest first.
std::vector<Image> images_that_are(Session& session, const images::Caller& caller,
                                   const NewestBase& wanted, Time now) {
    auto images =
        images::list_images(session, caller.scope(), {.owners = {wanted.owner}, .now = now});
    std::erase_if(images,
                  [&](const Image& image) { return !is_wanted(session, caller, image, wanted); });
    return images;
}

ImageId newest_image(Session& session, const images::Caller& caller, const NewestBase& wanted,
                     Time now) {
    const auto images = images_that_are(session, caller, wanted, now);
    if (!images.empty()) return images.back().id;
    throw Error("InvalidAMIID.NotFound", wanted.name,
                fmt::format("no available image of '{}' matches the base that the recipe asks for",
                            wanted.owner));
}

/// The image of a disk from elsewhere: `kiln build` imports it, and tags it with its checksum.
ImageId image_of_disk(Session& session, const images::Caller& caller, const ForeignBase& disk,
                      Time now) {
    const auto images =
        images_that_are(session, caller, {.tags = {{imported_disk_tag, disk.sha256}}}, now);
    if (!images.empty()) return images.back().id;
    const std::string source = disk.file.empty() ? disk.url : disk.file;
    throw Error("InvalidAMIID.NotFound", source,
                fmt::format("The base '{0}' is no image yet: 'kiln build' imports it; else 'kiln "
                            "import {0}', and tag the image with {1}={2}",
                            source, imported_disk_tag, disk.sha256));
}

/// Which image each kind of base is.
struct Lookup {
    Session& session;
    const images::Caller& caller;
    Time now;

    ImageId operator()(const PackagesBase&) const { std::abort(); }
    ImageId operator()(const ImageBase& base) const {
        // Ids of elsewhere are aliases only where the service lets them be made.
        return ImageId(images::resolve_image_alias(session, caller.scope(), base.image, true));
    }
    ImageId operator()(const NewestBase& base) const {
        return newest_image(session, caller, base, now);
    }
    ImageId operator()(const ForeignBase& base) const {
        return image_of_disk(session, caller, base, now);
    }
};

[[noreturn]] void refuse(const Image& image, const std::string& why) {
    throw Error(
        error_code::unsupported_operation, image.id.str(),
        fmt::format("The image '{}' cannot be the base of a recipe: {}", image.id.str(), why));
}

void check_disks(const Image& image) {
    for (const images::ImageBlockDevice& device : image.block_devices) {
        const bool is_root = device.device_name == image.root_device_name;
        if (!is_root && device.virtual_name.empty())
            refuse(image, fmt::format("it has the disk '{}' besides its root", device.device_name));
    }
}

BaseImage base_of(Session& session, const images::Caller& caller, const ImageId& id, Time now) {
    Image image = images::get_launchable_image(session, caller.scope(), id);
    images::check_allowed(session, caller.scope(), image, now);
    check_disks(image);
    const images::ImageBlockDevice* root = images::root_device(image);
    if (root == nullptr || !root->snapshot) refuse(image, "its root is no EBS volume");
    const auto snapshot = images::find_snapshot(session, *root->snapshot);
    if (!snapshot || !snapshot->layer) refuse(image, "its snapshot is not completed");
    if (snapshot->key_id) refuse(image, "it is encrypted");
    // Its steps read the disk, as whoever launches it could.
    for (const std::string& sold : {id.str(), snapshot->id.str()})
        images::check_subscribed(session, caller.account, images::product_codes_of(session, sold));
    const Bytes size = root->volume_size;
    return {.image = std::move(image),
            .snapshot = snapshot->id,
            .layer = *snapshot->layer,
            .size = size};
}

}  // namespace

std::optional<BaseImage> find_base_image(Session& session, const images::Caller& caller,
                                         const Recipe& recipe, Time now) {
    if (is_made_of_packages(recipe)) return std::nullopt;
    const ImageId id = std::visit(Lookup{session, caller, now}, recipe.base);
    return base_of(session, caller, id, now);
}

Recipe completed(Recipe recipe, const std::optional<BaseImage>& base) {
    if (!base) return recipe;
    const Image& image = base->image;
    if (recipe.size.value == 0) recipe.size = base->size;
    if (recipe.size < base->size) {
        throw Error(
            invalid_recipe, "size",
            fmt::format("'size' is {} MiB, but the base '{}' has {} MiB",
                        recipe.size.in_mebibytes(), image.id.str(), base->size.in_mebibytes()));
    }
    if (recipe.description.empty()) recipe.description = image.description;
    if (recipe.login_user.empty()) recipe.login_user = image.login_user;
    recipe.architecture = image.architecture;
    recipe.boot_mode = image.boot_mode;
    recipe.secure_boot = image.secure_boot;
    recipe.tpm = !image.tpm_support.empty();
    return recipe;
}

}  // namespace kiln::builder
