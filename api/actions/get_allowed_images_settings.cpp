#include "api/shapes/image_settings.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using Result = images::AllowedImages;

Structure<Result> output() {
    return Structure<Result>()
        .text("State", "state", [](const Result& r) { return std::string(to_text(r.state)); })
        .list(
            "ImageCriteria", "imageCriterionSet", image_criterion_structure(),
            [](const Result& r) -> const auto& { return r.criteria; })
        .text("ManagedBy", "managedBy", [](const Result&) { return std::string("account"); });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& /*arguments*/) {
    Result result = services.database.read(
        [&](Session& session) { return images::load_allowed_images(session, caller.scope()); });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action get_allowed_images_settings() {
    return with_handler<Result>({.name = "GetAllowedImagesSettings",
                                 .summary = "Show which images of others may be found and launched",
                                 .example = "kiln get-allowed-images-settings --output json",
                                 .parameters = {dry_run_parameter()},
                                 .table = {.columns = {"State"}}},
                                output(), handle);
}

}  // namespace kiln::api
