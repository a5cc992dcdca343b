#include <fmt/format.h>

#include "api/action.hpp"
#include "api/shapes/image_alias.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "images/catalog/image.hpp"

namespace kiln::api {

namespace {

struct Result {
    images::ImageAlias alias;
    std::optional<ImageId> previous;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("Alias", "alias", [](const Result& r) { return r.alias.name; })
        .text("ImageId", "imageId", [](const Result& r) { return r.alias.image.str(); })
        .text("PreviousImageId", "previousImageId",
              [](const Result& r) -> std::optional<std::string> {
                  if (!r.previous) return std::nullopt;
                  return r.previous->str();
              });
}

/// An image of this catalog is not to be hidden behind another one.
void refuse_own_id(Session& session, const std::string& name) {
    if (!images::is_image_id(name) || !images::find_image(session, ImageId(name))) return;
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("'{}' is the id of an image: only an AMI id of somewhere else can be "
                            "an alias",
                            name));
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result{.alias = {.owner = caller.account,
                            .region = caller.region,
                            .name = alias_of(services, arguments),
                            .image = ImageId(arguments.required_text("ImageId")),
                            .updated = services.clock.now()}};
    services.database.write([&](Session& session) {
        refuse_own_id(session, result.alias.name);
        images::get_image(session, caller.scope(), result.alias.image);
        result.previous = images::set_image_alias(session, result.alias);
        caller.stop_if_dry_run();
    });
    return result;
}

}  // namespace

Action set_image_alias() {
    return with_handler<Result>(
        {.name = "SetImageAlias",
         .summary = "Let a name stand for an image in your requests, or move it to another one",
         .example = "kiln set-image-alias --alias golden:latest --image-id ami-0123456789abcdef0",
         .parameters = {alias_parameter("The name, as golden or golden:v2; without a tag it is "
                                        "golden:latest"),
                        image_id_parameter("The image, or another alias of it"),
                        dry_run_parameter()},
         .table = {.columns = {"Alias", "ImageId", "PreviousImageId"}}},
        output(), handle);
}

}  // namespace kiln::api
