#include "builder/inspection/root_snapshot.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace kiln::builder {

images::Snapshot root_snapshot(Session& session, const images::Image& image) {
    const images::ImageBlockDevice* root = images::root_device(image);
    if (root == nullptr || !root->snapshot || image.state != images::ImageState::available) {
        throw Error(error_code::unsupported_operation, image.id.str(),
                    fmt::format("The image '{}' is not an available one with a snapshot as its "
                                "root.",
                                image.id.str()));
    }
    const auto snapshot = images::find_snapshot(session, *root->snapshot);
    if (snapshot && snapshot->layer && !snapshot->key_id) return *snapshot;
    throw Error(error_code::unsupported_operation, image.id.str(),
                fmt::format("The root of the image '{}' is encrypted, so that it cannot be looked "
                            "into.",
                            image.id.str()));
}

}  // namespace kiln::builder
