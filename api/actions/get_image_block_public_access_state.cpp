#include "api/shapes/image_settings.hpp"

namespace kiln::api {

Action get_image_block_public_access_state() {
    return public_access_action({.name = "GetImageBlockPublicAccessState",
                                 .summary = "Show whether your images may become public",
                                 .example = "kiln get-image-block-public-access-state"},
                                [](Services&, const images::Caller&) {});
}

}  // namespace kiln::api
