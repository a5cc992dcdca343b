#pragma once

#include <vector>

#include "api/output/structure.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

struct ImageView {
    images::Image image;
    std::vector<images::Tag> tags;
};

const Structure<ImageView>& image_structure();

}  // namespace kiln::api
