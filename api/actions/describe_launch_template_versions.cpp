#include <fmt/format.h>

#include <algorithm>

#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using View = LaunchTemplateVersionView;
using Values = std::vector<std::string>;

constexpr std::int64_t most_versions = 999'999'999;  // that a template ever has

struct Result {
    std::vector<View> views;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "LaunchTemplateVersions", "launchTemplateVersionSet",
            launch_template_version_structure(),
            [](const Result& r) -> const auto& { return r.views; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    const auto text_of = [](auto part) {
        return [part](const View& v) {
            const auto text = part(v.parameters);
            return text ? Values{*text} : Values{};
        };
    };
    static const FilterTable<View> table(
        {{"image-id", text_of([](const launcher::LaunchParameters& p) {
              return p.image ? std::optional(p.image->str()) : std::nullopt;
          })},
         {"instance-type",
          text_of([](const launcher::LaunchParameters& p) { return p.instance_type; })},
         {"is-default-version",
          [](const View& v) { return Values{v.is_default ? "true" : "false"}; }}});
    return table;
}

/// Those that are named, else those between the two bounds.
std::vector<images::LaunchTemplateVersion> load(Session& session, const images::LaunchTemplate& of,
                                                const Arguments& arguments) {
    std::vector<images::LaunchTemplateVersion> found;
    for (const std::string& version : arguments.texts("LaunchTemplateVersion"))
        found.push_back(images::get_launch_template_version(session, of, version));
    if (!found.empty()) return found;
    found = images::newest_launch_template_versions(session, of.id);
    const std::int64_t least = arguments.integer("MinVersion").value_or(0);
    const std::int64_t most = arguments.integer("MaxVersion").value_or(of.latest_version);
    std::erase_if(found, [&](const images::LaunchTemplateVersion& version) {
        return version.number < least || version.number > most;
    });
    return found;
}

/// $Latest and $Default without a template: those of all templates.
std::vector<View> load_of_all(Session& session, const images::Caller& caller,
                              const Arguments& arguments) {
    std::vector<View> views;
    for (const std::string& version : arguments.texts("LaunchTemplateVersion")) {
        if (version != "$Latest" && version != "$Default") {
            throw Error(error_code::missing_parameter, "LaunchTemplateId",
                        "A version's number needs a LaunchTemplateId or a LaunchTemplateName: "
                        "without one only $Latest and $Default can be asked for");
        }
        for (const images::LaunchTemplate& of :
             images::list_launch_templates(session, caller.scope()))
            views.push_back(view_of(of, images::get_launch_template_version(session, of, version)));
    }
    return views;
}

std::vector<View> load_views(Session& session, const images::Caller& caller,
                             const Arguments& arguments) {
    const bool is_named = arguments.has("LaunchTemplateId") || arguments.has("LaunchTemplateName");
    if (!is_named && arguments.has("LaunchTemplateVersion"))
        return load_of_all(session, caller, arguments);
    const images::LaunchTemplate of = launch_template_of(session, caller, arguments);
    std::vector<View> views;
    for (images::LaunchTemplateVersion& version : load(session, of, arguments))
        views.push_back(view_of(of, std::move(version)));
    return views;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    std::vector<View> views = services.database.read(
        [&](Session& session) { return load_views(session, caller, arguments); });
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page = page_of<View>(
        arguments, std::move(views),
        [](const View& v) {
            return fmt::format("{} {:09}", v.version.launch_template.str(),
                               most_versions - v.version.number);
        },
        launch_template_pages);
    return {.views = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_launch_template_versions() {
    std::vector<Parameter> parameters = launch_template_name_parameters();
    for (Parameter parameter :
         std::vector<Parameter>{{.name = "Versions",
         .wire = "LaunchTemplateVersion",
         .list = true,
         .help = "Versions to show: numbers, $Latest, $Default"},
                                {.name = "MinVersion",
                                .wire = "MinVersion",
                                .shape = Shape::integer,
                                .help = "None before that number"},
                                {.name = "MaxVersion",
                                .wire = "MaxVersion",
                                .shape = Shape::integer,
                                .help = "None after that number"},
                                {.name = "ResolveAlias",
                                .wire = "ResolveAlias",
                                .shape = Shape::boolean,
                                .help = "Makes no difference: an ImageId is never an alias"},
                                filters_parameter(),
                                max_results_parameter(),
                                next_token_parameter(),
                                dry_run_parameter()})
        parameters.push_back(std::move(parameter));
    return with_handler<Result>(
        {.name = "DescribeLaunchTemplateVersions",
         .summary = "Show the versions of a launch template, newest first",
         .example = "kiln describe-launch-template-versions --launch-template-name web",
         .parameters = std::move(parameters),
         .table = {.rows = "LaunchTemplateVersions",
                   .columns = {"LaunchTemplateName", "VersionNumber", "DefaultVersion",
                               "LaunchTemplateData.ImageId", "LaunchTemplateData.InstanceType",
                               "CreateTime", "VersionDescription"}}},
        output(), handle);
}

}  // namespace kiln::api
