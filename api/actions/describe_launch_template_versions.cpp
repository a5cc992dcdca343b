#include <fmt/format.h>

#include <map>

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
/// What versions say may be long: an answer that has so much ends, and the next page goes on.
constexpr std::size_t most_bytes_of_page = 4U << 20U;

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
        {{"image-id", text_of([](const launcher::LaunchParameters& p) { return p.image; })},
         {"instance-type",
          text_of([](const launcher::LaunchParameters& p) { return p.instance_type; })},
         {"is-default-version",
          [](const View& v) { return Values{v.is_default ? "true" : "false"}; }}});
    return table;
}

/// A version, before what it says is read.
struct Place {
    const images::LaunchTemplate* of;
    std::int64_t number;

    /// In the order of pages: a template's newest come first.
    std::string key() const {
        return fmt::format("{} {:09}", of->id.str(), most_versions - number);
    }
};

std::vector<std::string> versions_asked_for(const Arguments& arguments) {
    std::vector<std::string> versions = arguments.texts("LaunchTemplateVersion");
    if (versions.size() <= static_cast<std::size_t>(launch_template_pages.most)) return versions;
    throw Error(error_code::invalid_parameter_value, "LaunchTemplateVersion",
                fmt::format("{} versions are asked for at once: {} can be", versions.size(),
                            launch_template_pages.most));
}

/// Those that are named, else those between the two bounds.
std::vector<Place> places_of(Session& session, const images::LaunchTemplate& of,
                             const Arguments& arguments) {
    std::vector<Place> places;
    for (const std::string& version : versions_asked_for(arguments))
        places.push_back({&of, images::get_launch_template_version(session, of, version).number});
    if (!places.empty()) return places;
    const std::int64_t least = arguments.integer("MinVersion").value_or(0);
    const std::int64_t most = arguments.integer("MaxVersion").value_or(of.latest_version);
    for (const std::int64_t number : images::launch_template_version_numbers(session, of.id))
        if (number >= least && number <= most) places.push_back({&of, number});
    return places;
}

/// $Latest and $Default without a template: those of all templates.
std::vector<Place> places_of_all(const std::vector<images::LaunchTemplate>& templates,
                                 const Arguments& arguments) {
    std::vector<Place> places;
    for (const std::string& version : versions_asked_for(arguments)) {
        if (version != "$Latest" && version != "$Default") {
            throw Error(error_code::missing_parameter, "LaunchTemplateId",
                        "A version's number needs a LaunchTemplateId or a LaunchTemplateName: "
                        "without one only $Latest and $Default can be asked for");
        }
        for (const images::LaunchTemplate& of : templates)
            places.push_back({&of, images::launch_template_version_number(of, version)});
    }
    return places;
}

/// Reads the versions in their order, until a page is full.
Result read_page(Session& session, std::vector<Place> places, const Arguments& arguments) {
    std::map<std::string, Place> in_order;
    for (const Place& place : places)
        in_order.emplace(place.key(), place);
    const auto limit = max_results_of(arguments, launch_template_pages);
    const auto token = arguments.text("NextToken");
    const auto asked = filters_of(arguments);
    filters().check(asked);
    Result page;
    std::size_t bytes = 0;
    std::string last;
    for (auto each = token ? in_order.upper_bound(decode_page_token(*token)) : in_order.begin();
         each != in_order.end(); ++each) {
        const auto& [key, place] = *each;
        View view = view_of(*place.of, images::get_launch_template_version(
                                           session, *place.of, std::to_string(place.number)));
        if (!filters().matches(asked, view)) continue;
        if (bytes > most_bytes_of_page || (limit && page.views.size() == *limit)) {
            page.next_token = encode_page_token(last);
            break;
        }
        bytes += view.version.parameters.size();
        last = key;
        page.views.push_back(std::move(view));
    }
    return page;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const bool is_of_all = !arguments.has("LaunchTemplateId") &&
                           !arguments.has("LaunchTemplateName") &&
                           arguments.has("LaunchTemplateVersion");
    Result page = services.database.read([&](Session& session) {
        if (is_of_all) {
            const auto templates = images::list_launch_templates(session, caller.scope());
            return read_page(session, places_of_all(templates, arguments), arguments);
        }
        const images::LaunchTemplate of = launch_template_of(session, caller, arguments);
        return read_page(session, places_of(session, of, arguments), arguments);
    });
    caller.stop_if_dry_run();
    return page;
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
