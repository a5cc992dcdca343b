#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/error.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;

struct View {
    images::Vpc vpc;
    AccountId owner;
};

struct Result {
    std::vector<View> vpcs;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    static const auto block = Structure<View>().text(
        "CidrBlock", "cidrBlock", [](const View& v) { return to_text(v.vpc.range); });
    static const auto vpc =
        Structure<View>()
            .text("VpcId", "vpcId", [](const View& v) { return v.vpc.id.str(); })
            .text("OwnerId", "ownerId", [](const View& v) { return v.owner.str(); })
            .text("State", "state", [](const View&) { return "available"; })
            .text("CidrBlock", "cidrBlock", [](const View& v) { return to_text(v.vpc.range); })
            .list("CidrBlockAssociationSet", "cidrBlockAssociationSet", block,
                  [](const View& v) { return std::vector<View>{v}; })
            .text("DhcpOptionsId", "dhcpOptionsId", [](const View&) { return "default"; })
            .text("InstanceTenancy", "instanceTenancy", [](const View&) { return "default"; })
            .boolean("IsDefault", "isDefault", [](const View&) { return true; });
    return Structure<Result>()
        .list(
            "Vpcs", "vpcSet", vpc, [](const Result& r) -> const auto& { return r.vpcs; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const std::vector<images::Tag> no_tags;
    static const FilterTable<View> table(
        {{"cidr", [](const View& v) { return Values{to_text(v.vpc.range)}; }},
         {"cidr-block-association.cidr-block",
          [](const View& v) { return Values{to_text(v.vpc.range)}; }},
         {"is-default", [](const View&) { return Values{"true"}; }},
         {"isDefault", [](const View&) { return Values{"true"}; }},
         {"owner-id", [](const View& v) { return Values{v.owner.str()}; }},
         {"state", [](const View&) { return Values{"available"}; }},
         {"vpc-id", [](const View& v) { return Values{v.vpc.id.str()}; }}},
        [](const View&) -> const auto& { return no_tags; });
    return table;
}

Error not_found(const VpcId& id) {
    return {"InvalidVpcID.NotFound", id.str(), "The vpc ID '" + id.str() + "' does not exist"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    std::vector<View> views{{.vpc = services.launcher.vpc(caller), .owner = caller.account}};
    keep_ids<View, VpcId>(
        views, ids_of<VpcId>(arguments, "VpcId"),
        [](const View& v) -> const VpcId& { return v.vpc.id; }, not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page =
        page_of<View>(arguments, std::move(views), [](const View& v) { return v.vpc.id.str(); });
    return {.vpcs = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_vpcs() {
    return with_handler<Result>(
        {.name = "DescribeVpcs",
         .summary = "Show the region's VPC, the network of its guests",
         .example = "kiln describe-vpcs",
         .parameters = {ids_parameter("VpcId", "Ids of the VPCs to show"), filters_parameter(),
                        max_results_parameter(), next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "Vpcs", .columns = {"VpcId", "CidrBlock", "State", "IsDefault"}}},
        output(), handle);
}

}  // namespace kiln::api
