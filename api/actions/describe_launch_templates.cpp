#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using View = LaunchTemplateView;
using Values = std::vector<std::string>;

struct Result {
    std::vector<View> views;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "LaunchTemplates", "launchTemplates", launch_template_structure(),
            [](const Result& r) -> const auto& { return r.views; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"create-time",
          [](const View& v) { return Values{format_time(v.launch_template.created)}; }},
         {"launch-template-name", [](const View& v) { return Values{v.launch_template.name}; }}},
        [](const View& v) -> const auto& { return v.tags; });
    return table;
}

/// All or nothing.
std::vector<images::LaunchTemplate> load(Session& session, const images::Caller& caller,
                                         const Arguments& arguments) {
    const auto ids = ids_of<LaunchTemplateId>(arguments, "LaunchTemplateId");
    const Values names = arguments.texts("LaunchTemplateName");
    if (ids.empty() && names.empty()) return images::list_launch_templates(session, caller.scope());
    std::vector<images::LaunchTemplate> found;
    found.reserve(ids.size() + names.size());
    for (const LaunchTemplateId& id : ids)
        found.push_back(images::get_launch_template(session, caller.scope(), id));
    for (const std::string& name : names)
        found.push_back(images::get_launch_template(session, caller.scope(), name));
    return found;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "LaunchTemplateId");
    std::vector<View> views;
    services.database.read([&](Session& session) {
        for (images::LaunchTemplate& found : load(session, caller, arguments))
            views.push_back(load_view(session, caller, std::move(found)));
    });
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page = page_of<View>(
        arguments, std::move(views), [](const View& v) { return v.launch_template.id.str(); },
        launch_template_pages);
    return {.views = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_launch_templates() {
    return with_handler<Result>(
        {.name = "DescribeLaunchTemplates",
         .summary = "Show your launch templates",
         .example = "kiln describe-launch-templates",
         .parameters = {ids_parameter("LaunchTemplateId", "Ids of the templates to show"),
                        {.name = "LaunchTemplateNames",
                         .wire = "LaunchTemplateName",
                         .list = true,
                         .help = "Names of the templates to show"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "LaunchTemplates",
                   .columns = {"LaunchTemplateId", "LaunchTemplateName", "DefaultVersionNumber",
                               "LatestVersionNumber", "CreateTime"}}},
        output(), handle);
}

}  // namespace kiln::api
