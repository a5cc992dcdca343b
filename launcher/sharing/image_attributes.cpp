#include "launcher/sharing/image_attributes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/database.hpp"
#include "base/error.hpp"
#include "images/accounts/account.hpp"
#include "images/accounts/organization.hpp"
#include "images/catalog/account_setting.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/permission.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"

namespace kiln::launcher {

namespace {

using images::Image;

constexpr const char* public_access_setting = "image-block-public-access";

[[noreturn]] void refuse(const std::string& value, const char* item) {
    throw Error("InvalidAMIAttributeItemValue", value,
                fmt::format("Invalid attribute item value \"{}\" for {} item type.", value, item));
}

bool is_account(Session& session, const std::string& text) {
    return AccountId::is_valid(text) && images::find_account(session, AccountId(text));
}

bool is_unit_here(Session& session, const images::Organization& organization,
                  const std::string& arn) {
    return std::ranges::any_of(images::list_units(session), [&](const auto& unit) {
        return images::unit_arn(organization, unit.id) == arn;
    });
}

/// Those who are added must be there: a typing error would share with nobody, or with a stranger.
void check_present(Session& session, const Grantees& grantees) {
    for (const std::string& account : grantees.accounts)
        if (!is_account(session, account)) refuse(account, "userId");
    const auto organization = images::find_organization(session);
    for (const std::string& arn : grantees.organizations)
        if (!organization || images::organization_arn(*organization) != arn)
            refuse(arn, "organizationArn");
    for (const std::string& arn : grantees.units)
        if (!organization || !is_unit_here(session, *organization, arn))
            refuse(arn, "organizationalUnitArn");
}

void check_well_formed(const Grantees& grantees) {
    for (const std::string& account : grantees.accounts)
        if (!AccountId::is_valid(account)) refuse(account, "userId");
    for (const std::string& group : grantees.groups)
        if (group != images::everybody) refuse(group, "group");
    for (const std::string& arn : grantees.organizations)
        if (!images::is_organization_arn(arn)) refuse(arn, "organizationArn");
    for (const std::string& arn : grantees.units)
        if (!images::is_unit_arn(arn)) refuse(arn, "organizationalUnitArn");
}

void set_texts(Session& session, Image image, const ModifyImageAttributeRequest& request) {
    if (!request.description && !request.imds_support) return;
    if (request.description) image.description = *request.description;
    if (request.imds_support) image.imds_support = *request.imds_support;
    images::update_image(session, image);
}

void check_imds_support(const std::optional<std::string>& support) {
    if (!support || *support == images::imds_tokens_alone) return;
    throw Error(error_code::invalid_parameter_value, *support,
                fmt::format("Invalid value '{}' for ImdsSupport: expecting {}, which cannot be "
                            "taken back",
                            *support, images::imds_tokens_alone));
}

void check_shareable(const Image& image) {
    if (image.state == images::ImageState::disabled) {
        throw Error("InvalidAMIID.Unavailable", image.id.str(),
                    fmt::format("The image ID '{0}' is disabled, and cannot be shared: enable it "
                                "first (kiln enable-image --image-id {0})",
                                image.id.str()));
    }
    const bool encrypted =
        std::ranges::any_of(image.block_devices, &images::ImageBlockDevice::encrypted);
    if (!encrypted) return;
    throw Error("OperationNotPermitted", image.id.str(),
                fmt::format("Images with encrypted snapshots cannot be shared: those of '{}' are "
                            "encrypted with the key of your account.",
                            image.id.str()));
}

void refuse_to_publish(Session& session, const Image& image) {
    if (images::product_codes_of(session, image.id.str()).empty()) return;
    throw Error("OperationNotPermitted", image.id.str(),
                fmt::format("Images with product codes cannot be made public: share '{}' with the "
                            "accounts of its buyers",
                            image.id.str()));
}

/// The image's own snapshots get them, too: whoever may read those could make images of them.
void attach_product_codes(Session& session, const Image& image,
                          const std::vector<std::string>& codes) {
    if (codes.empty()) return;
    for (const std::string& code : codes)
        images::get_own_product(session, image.owner, code);
    if (image.state == images::ImageState::pending) {
        throw Error("InvalidAMIID.Unavailable", image.id.str(),
                    fmt::format("The image '{}' is pending: wait until it is available, so that "
                                "its snapshots get the product codes, too",
                                image.id.str()));
    }
    const auto refuse_public = [](const std::string& id) {
        throw Error("OperationNotPermitted", id,
                    fmt::format("'{}' is public: what has product codes cannot be", id));
    };
    if (image.is_public) refuse_public(image.id.str());
    for (const images::ImageBlockDevice& device : image.block_devices) {
        if (!device.snapshot) continue;
        if (images::has_grantee(session, *device.snapshot, images::everybody))
            refuse_public(device.snapshot->str());
        for (const ImageId& other : images::images_using_snapshot(session, *device.snapshot))
            if (images::has_grantee(session, other, images::everybody)) refuse_public(other.str());
    }
    images::add_product_codes(session, image.id.str(), codes);
    for (const images::ImageBlockDevice& device : image.block_devices) {
        if (device.snapshot) images::add_product_codes(session, device.snapshot->str(), codes);
    }
}

void refuse_when_blocked(Session& session, const images::Caller& caller) {
    if (!is_public_access_blocked(session, caller.scope())) return;
    throw Error("OperationNotPermitted", caller.account.str(),
                "You can't publicly share this image because block public access for AMIs is "
                "enabled for this account: see kiln disable-image-block-public-access");
}

}  // namespace

std::vector<std::string> Grantees::all() const {
    std::vector<std::string> all;
    for (const auto* some : {&accounts, &groups, &organizations, &units})
        all.insert(all.end(), some->begin(), some->end());
    return all;
}

bool is_public_access_blocked(Session& session, const images::Scope& scope) {
    return images::find_setting(session, scope, public_access_setting) == block_new_sharing;
}

void set_public_access(Database& database, const images::Caller& caller, const char* state) {
    database.write([&](Session& session) {
        images::set_setting(session, caller.scope(), public_access_setting, state);
        caller.stop_if_dry_run();
    });
}

void modify_image_attribute(Database& database, const images::Caller& caller,
                            const ModifyImageAttributeRequest& request) {
    if (request.add.empty() && request.remove.empty() && !request.description &&
        !request.imds_support && request.product_codes.empty()) {
        throw Error(error_code::missing_parameter, "",
                    "The request must name whom to add to or remove from the launch permission, a "
                    "description, the support of the metadata service, or product codes");
    }
    check_imds_support(request.imds_support);
    check_well_formed(request.add);
    check_well_formed(request.remove);
    database.write([&](Session& session) {
        const Image image = images::get_own_image(session, caller.scope(), request.image);
        check_present(session, request.add);
        if (!request.add.empty()) check_shareable(image);
        if (!request.add.groups.empty()) refuse_when_blocked(session, caller);
        attach_product_codes(session, image, request.product_codes);
        if (!request.add.groups.empty()) refuse_to_publish(session, image);
        for (const std::string& grantee : request.add.all())
            images::grant(session, image.id, grantee);
        for (const std::string& grantee : request.remove.all())
            images::revoke(session, image.id, grantee);
        set_texts(session, image, request);
        caller.stop_if_dry_run();
    });
}

void reset_launch_permission(Database& database, const images::Caller& caller,
                             const ImageId& image) {
    database.write([&](Session& session) {
        images::get_own_image(session, caller.scope(), image);
        images::revoke_all(session, image);
        caller.stop_if_dry_run();
    });
}

void cancel_image_launch_permission(Database& database, const images::Caller& caller,
                                    const ImageId& image) {
    database.write([&](Session& session) {
        images::get_image(session, caller.scope(), image);
        const auto grantees = images::grantees_of(session, image);
        if (std::ranges::find(grantees, caller.account.str()) == grantees.end()) {
            throw Error(
                "OperationNotPermitted", image.str(),
                fmt::format("The image '{}' is not shared with your account by its id: only "
                            "such a permission can be canceled by those who have it",
                            image.str()));
        }
        images::revoke(session, image, caller.account.str());
        caller.stop_if_dry_run();
    });
}

}  // namespace kiln::launcher
