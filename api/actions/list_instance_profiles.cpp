#include "api/action.hpp"

namespace kiln::api {

namespace {

struct Result {};

Structure<Result> output() {
    return Structure<Result>()
        .text_list("InstanceProfiles", "instanceProfiles",
                   [](const Result&) { return std::vector<std::string>(); })
        .boolean("IsTruncated", "isTruncated", [](const Result&) { return false; });
}

Result handle(Services& /*services*/, const images::Caller& /*caller*/,
              const Arguments& /*arguments*/) {
    return {};
}

}  // namespace

Action list_instance_profiles() {
    return with_handler<Result>(
        {.name = "ListInstanceProfiles",
         .summary = "There are no instance profiles: instances have no roles",
         .example = "kiln list-instance-profiles",
         .parameters = {{.name = "PathPrefix", .wire = "PathPrefix", .help = "Makes no difference"},
                        {.name = "Marker", .wire = "Marker", .help = "Makes no difference"},
                        {.name = "MaxItems",
                         .wire = "MaxItems",
                         .shape = Shape::integer,
                         .help = "Makes no difference"},
                        dry_run_parameter()},
         .table = {.columns = {"InstanceProfiles"}},
         .service = &iam_service,
         .hidden = true},
        output(), handle);
}

}  // namespace kiln::api
