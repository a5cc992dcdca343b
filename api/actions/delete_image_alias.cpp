#include <fmt/format.h>

#include "api/action.hpp"
#include "api/shapes/image_alias.hpp"
#include "base/database.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::string name = images::checked_alias_name(arguments.required_text("Alias"));
    services.database.write([&](Session& session) {
        if (!images::delete_image_alias(session, caller.scope(), name)) {
            throw Error("InvalidImageAlias.NotFound", name,
                        fmt::format("The image alias '{}' does not exist", name));
        }
        caller.stop_if_dry_run();
    });
    return {};
}

}  // namespace

Action delete_image_alias() {
    return with_handler<Done>(
        {.name = "DeleteImageAlias",
         .summary = "Let a name stand for no image any more; the image stays",
         .example = "kiln delete-image-alias --alias golden:latest",
         .parameters = {alias_parameter("The name; without a tag: with the tag latest"),
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
