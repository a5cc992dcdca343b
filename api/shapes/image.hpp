#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/output/structure.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

/// Owns the kernels; EC2's are of the alias.
inline constexpr const char* kernel_owner = "000000000000";
inline constexpr const char* kernel_owner_alias = "amazon";

/// An image, or a kernel of kiln's for paravirtual images, which is shown as one.
struct ImageView {
    images::Image image;
    std::optional<bool> allowed = {};  // by the criteria of the caller's account, where it has any
    std::vector<images::Tag> tags;
    std::vector<std::string> product_codes = {};
    const images::PvKernel* kernel = nullptr;  // then the image has no id of its own
    std::string asked_id = {};                 // an AMI id of somewhere else that stands for it

    std::string id() const {
        if (!asked_id.empty()) return asked_id;
        return kernel == nullptr ? image.id.str() : kernel->id;
    }
    std::string type() const { return kernel == nullptr ? "machine" : "kernel"; }
    std::string location() const;
    std::string owner_alias() const { return kernel == nullptr ? "" : kernel_owner_alias; }
};

/// All of them, as EC2 shows its own: public, of an account that is nobody's.
std::vector<ImageView> kernel_views();

const Structure<ImageView>& image_structure();
/// "disabled", "enabled-with-cooldown", "disabled-after-2030-01-31T12:00:00.000Z", …
std::string deregistration_protection_of(const images::Image& image);
const Structure<images::ImageBlockDevice>& image_block_device_structure();

}  // namespace kiln::api
