#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "base/database.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

namespace {

using Description = images::TagDescription;
using Result = Page<Description>;
using Values = std::vector<std::string>;

Structure<Result> output() {
    const auto item =
        Structure<Description>()
            .text("ResourceId", "resourceId", [](const Description& d) { return d.resource_id; })
            .text("ResourceType", "resourceType",
                  [](const Description& d) { return d.resource_type; })
            .text("Key", "key", [](const Description& d) { return d.tag.key; })
            .text("Value", "value", [](const Description& d) { return d.tag.value; });
    return Structure<Result>()
        .list(
            "Tags", "tagSet", item, [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<Description>& filters() {
    static const FilterTable<Description> table(
        {{"key", [](const Description& d) { return Values{d.tag.key}; }},
         {"resource-id", [](const Description& d) { return Values{d.resource_id}; }},
         {"resource-type", [](const Description& d) { return Values{d.resource_type}; }},
         {"value", [](const Description& d) { return Values{d.tag.value}; }}});
    return table;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    std::vector<Description> tags = services.database.read(
        [&](Session& session) { return images::list_tags(session, caller.scope()); });
    filters().apply(filters_of(arguments), tags);
    caller.stop_if_dry_run();
    // No tag key holds a line feed, so the two parts cannot run into each other.
    return page_of<Description>(arguments, std::move(tags), [](const Description& d) {
        return d.resource_id + "\n" + d.tag.key;
    });
}

}  // namespace

Action describe_tags() {
    return with_handler<Result>(
        {.name = "DescribeTags",
         .summary = "Show the tags of your resources",
         .example = "kiln describe-tags --filters Name=resource-type,Values=image",
         .parameters = {filters_parameter(), max_results_parameter(), next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Tags", .columns = {"ResourceType", "ResourceId", "Key", "Value"}}},
        output(), handle);
}

}  // namespace kiln::api
