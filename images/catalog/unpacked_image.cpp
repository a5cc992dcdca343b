#include "images/catalog/unpacked_image.hpp"

#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct UnpackedImage {
    ImageId image;
    std::string region;
    LayerId layer;
};

struct UnpackedImageTable {
    static constexpr const char* name = "unpacked_images";
    static UnpackedImage blank() {
        return {.image = placeholder_id<ImageId>(), .layer = placeholder_id<LayerId>()};
    }
    static void columns(auto& column, auto& unpacked) {
        column("image_id", unpacked.image);
        column("region", unpacked.region);
        column("layer_id", unpacked.layer);
    }
};

}  // namespace

std::optional<LayerId> unpacked_layer(Session& session, const ImageId& image) {
    const auto row = select_row<UnpackedImageTable>(session, "where image_id = :image",
                                                    {{"image", image.str()}});
    if (!row) return std::nullopt;
    return row->layer;
}

void set_unpacked_layer(Session& session, const ImageId& image, const std::string& region,
                        const LayerId& layer) {
    forget_unpacked_layer(session, image);
    insert_row<UnpackedImageTable>(session, {.image = image, .region = region, .layer = layer});
}

void forget_unpacked_layer(Session& session, const ImageId& image) {
    run_sql(session, "delete from unpacked_images where image_id = :image",
            {{"image", image.str()}});
}

}  // namespace kiln::images
