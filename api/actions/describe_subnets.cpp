#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;

struct View {
    images::Subnet subnet;
    AccountId owner;
    std::uint64_t free_addresses = 0;
};

struct Result {
    std::vector<View> subnets;
    std::optional<std::string> next_token;
};

std::string free_addresses_of(const View& view) {
    return std::to_string(view.free_addresses);
}

Structure<Result> output() {
    static const auto subnet =
        Structure<View>()
            .text("SubnetId", "subnetId", [](const View& v) { return v.subnet.id.str(); })
            .text("VpcId", "vpcId", [](const View& v) { return v.subnet.vpc.str(); })
            .text("OwnerId", "ownerId", [](const View& v) { return v.owner.str(); })
            .text("State", "state", [](const View&) { return "available"; })
            .text("AvailabilityZone", "availabilityZone",
                  [](const View& v) { return v.subnet.zone; })
            .text("AvailabilityZoneId", "availabilityZoneId",
                  [](const View& v) { return v.subnet.zone; })
            .text("CidrBlock", "cidrBlock", [](const View& v) { return to_text(v.subnet.range); })
            .integer("AvailableIpAddressCount", "availableIpAddressCount",
                     [](const View& v) { return static_cast<std::int64_t>(v.free_addresses); })
            .boolean("DefaultForAz", "defaultForAz", [](const View&) { return true; })
            .boolean("MapPublicIpOnLaunch", "mapPublicIpOnLaunch",
                     [](const View&) { return false; });
    return Structure<Result>()
        .list(
            "Subnets", "subnetSet", subnet,
            [](const Result& r) -> const auto& { return r.subnets; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const std::vector<images::Tag> no_tags;
    static const FilterTable<View> table(
        {{"availability-zone", [](const View& v) { return Values{v.subnet.zone}; }},
         {"availabilityZone", [](const View& v) { return Values{v.subnet.zone}; }},
         {"availability-zone-id", [](const View& v) { return Values{v.subnet.zone}; }},
         {"available-ip-address-count", [](const View& v) { return Values{free_addresses_of(v)}; }},
         {"cidr-block", [](const View& v) { return Values{to_text(v.subnet.range)}; }},
         {"cidr", [](const View& v) { return Values{to_text(v.subnet.range)}; }},
         {"default-for-az", [](const View&) { return Values{"true"}; }},
         {"defaultForAz", [](const View&) { return Values{"true"}; }},
         {"map-public-ip-on-launch", [](const View&) { return Values{"false"}; }},
         {"owner-id", [](const View& v) { return Values{v.owner.str()}; }},
         {"state", [](const View&) { return Values{"available"}; }},
         {"subnet-id", [](const View& v) { return Values{v.subnet.id.str()}; }},
         {"vpc-id", [](const View& v) { return Values{v.subnet.vpc.str()}; }}},
        [](const View&) -> const auto& { return no_tags; });
    return table;
}

Error not_found(const SubnetId& id) {
    return {"InvalidSubnetID.NotFound", id.str(),
            "The subnet ID '" + id.str() + "' does not exist"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.vpc(caller);  // makes them, when nobody has asked before
    std::vector<View> views;
    services.database.read([&](Session& session) {
        for (images::Subnet& subnet : images::subnets_of_region(session, caller.region)) {
            const std::uint64_t count = images::free_address_count(session, subnet);
            views.push_back(
                {.subnet = std::move(subnet), .owner = caller.account, .free_addresses = count});
        }
    });
    keep_ids<View, SubnetId>(
        views, ids_of<SubnetId>(arguments, "SubnetId"),
        [](const View& v) -> const SubnetId& { return v.subnet.id; }, not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page =
        page_of<View>(arguments, std::move(views), [](const View& v) { return v.subnet.id.str(); });
    return {.subnets = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_subnets() {
    return with_handler<Result>(
        {.name = "DescribeSubnets",
         .summary = "Show the subnets of the region's VPC, one in each zone",
         .example = "kiln describe-subnets",
         .parameters = {ids_parameter("SubnetId", "Ids of the subnets to show"),
                        filters_parameter(), max_results_parameter(), next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Subnets",
                   .columns = {"SubnetId", "VpcId", "AvailabilityZone", "CidrBlock",
                               "AvailableIpAddressCount"}}},
        output(), handle);
}

}  // namespace kiln::api
