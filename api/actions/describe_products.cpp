#include <algorithm>
#include <cctype>

#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/services.hpp"
#include "api/shapes/product.hpp"
#include "base/database.hpp"
#include "base/text.hpp"

namespace kiln::api {

namespace {

using Result = Page<ProductView>;
using Values = std::vector<std::string>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Products", "productSet", product_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<ProductView>& filters() {
    using View = ProductView;
    static const FilterTable<View> table(
        {{"name", [](const View& v) { return Values{v.product.name}; }},
         {"product-code", [](const View& v) { return Values{v.product.code}; }},
         {"seller-id", [](const View& v) { return Values{v.product.seller.str()}; }},
         {"state", [](const View& v) { return Values{std::string(to_text(v.product.state))}; }},
         {"subscribed", [](const View& v) { return Values{v.subscribed ? "true" : "false"}; }}});
    return table;
}

std::string in_lower_case(std::string text) {
    for (char& c : text)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

/// Every word of the search is somewhere in its name or description.
bool is_found(const images::Product& product, const std::string& search) {
    const std::string text = in_lower_case(product.name + " " + product.description);
    return std::ranges::all_of(split(in_lower_case(search), ' '), [&](std::string_view word) {
        return text.find(word) != std::string::npos;
    });
}

std::vector<ProductView> load_views(Services& services, const images::Caller& caller,
                                    const Arguments& arguments) {
    const Values codes = arguments.texts("ProductCode");
    const std::string search = arguments.text("SearchText").value_or("");
    return services.database.read([&](Session& session) {
        for (const std::string& code : codes)
            images::get_product(session, code);
        std::vector<ProductView> views;
        for (images::Product& product : images::list_products(session)) {
            const bool asked = codes.empty()
                                   ? is_found(product, search)
                                   : std::ranges::find(codes, product.code) != codes.end();
            if (asked)
                views.push_back(
                    load_product_view(services, session, caller.account, std::move(product)));
        }
        return views;
    });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    std::vector<ProductView> views = load_views(services, caller, arguments);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<ProductView>(arguments, std::move(views),
                                [](const ProductView& v) { return v.product.code; });
}

}  // namespace

Action describe_products() {
    return with_handler<Result>(
        {.name = "DescribeProducts",
         .summary = "Show what is for sale: the products that images may have codes of",
         .example = "kiln describe-products --search-text server",
         .parameters = {{.name = "ProductCodes",
                         .wire = "ProductCode",
                         .list = true,
                         .help = "Codes of the products to show"},
                        {.name = "SearchText",
                         .wire = "SearchText",
                         .help = "Words that their names or descriptions have"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Products",
                   .columns = {"ProductCode", "Name", "HourlyRate", "Currency", "SellerId",
                               "Subscribed", "Terms"}}},
        output(), handle);
}

}  // namespace kiln::api
