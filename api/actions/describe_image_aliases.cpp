#include <algorithm>

#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/image_alias.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using images::ImageAlias;
using Result = Page<ImageAlias>;
using Values = std::vector<std::string>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "ImageAliases", "imageAliasSet", image_alias_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<ImageAlias>& filters() {
    static const FilterTable<ImageAlias> table(
        {{"alias", [](const ImageAlias& a) { return Values{a.name}; }},
         {"image-id", [](const ImageAlias& a) { return Values{a.image.str()}; }}});
    return table;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    auto aliases = services.database.read(
        [&](Session& session) { return images::list_image_aliases(session, caller.scope()); });
    const auto ids = ids_of<ImageId>(arguments, "ImageId");
    if (!ids.empty()) {
        std::erase_if(aliases, [&](const ImageAlias& alias) {
            return std::ranges::find(ids, alias.image) == ids.end();
        });
    }
    filters().apply(filters_of(arguments), aliases);
    caller.stop_if_dry_run();
    return page_of<ImageAlias>(arguments, std::move(aliases),
                               [](const ImageAlias& a) { return a.name; });
}

}  // namespace

Action describe_image_aliases() {
    return with_handler<Result>(
        {.name = "DescribeImageAliases",
         .summary = "Show the names that stand for images in your requests",
         .example = "kiln describe-image-aliases --filters Name=alias,Values='golden:*'",
         .parameters = {ids_parameter("ImageId", "Only aliases of these images"),
                        filters_parameter(), max_results_parameter(), next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "ImageAliases", .columns = {"Alias", "ImageId", "Updated"}}},
        output(), handle);
}

}  // namespace kiln::api
