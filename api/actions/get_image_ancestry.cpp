#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "images/catalog/lineage.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::vector<images::Image> line;
};

Structure<Result> output() {
    using images::Image;
    const auto entry =
        Structure<Image>()
            .text("CreationDate", "creationDate",
                  [](const Image& i) { return format_time(i.created); })
            .text("ImageId", "imageId", [](const Image& i) { return i.id.str(); })
            // Images of accounts here have no such alias.
            .text("ImageOwnerAlias", "imageOwnerAlias",
                  [](const Image&) -> std::optional<std::string> { return std::nullopt; })
            .text("SourceImageId", "sourceImageId",
                  [](const Image& i) -> std::optional<std::string> {
                      if (!i.source_image) return std::nullopt;
                      return i.source_image->str();
                  })
            .text("SourceImageRegion", "sourceImageRegion",
                  [](const Image& i) { return if_any(i.source_region); });
    return Structure<Result>().list(
        "ImageAncestryEntries", "imageAncestryEntrySet", entry,
        [](const Result& r) -> const auto& { return r.line; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const ImageId id(arguments.required_text("ImageId"));
    Result result{.line = services.database.read([&](Session& session) {
        return images::ancestry(session, caller.scope(), id);
    })};
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action get_image_ancestry() {
    return with_handler<Result>(
        {.name = "GetImageAncestry",
         .summary = "Show what an image was made of, what that was made of, and so on",
         .example = "kiln get-image-ancestry --image-id ami-0123456789abcdef0",
         .parameters = {image_id_parameter("An image that you own or may launch"),
                        dry_run_parameter()},
         .table = {.rows = "ImageAncestryEntries",
                   .columns = {"ImageId", "CreationDate", "SourceImageId", "SourceImageRegion"}}},
        output(), handle);
}

}  // namespace kiln::api
