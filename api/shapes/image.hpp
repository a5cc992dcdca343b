#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/output/structure.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

struct ImageView {
    images::Image image;
    std::optional<bool> allowed = {};  // by the criteria of the caller's account, where it has any
    std::vector<images::Tag> tags;
    std::vector<std::string> product_codes = {};
};

const Structure<ImageView>& image_structure();
/// "disabled", "enabled-with-cooldown", "disabled-after-2030-01-31T12:00:00.000Z", …
std::string deregistration_protection_of(const images::Image& image);
const Structure<images::ImageBlockDevice>& image_block_device_structure();

}  // namespace kiln::api
