#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/network_interface.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using View = InterfaceView;
using Values = std::vector<std::string>;

struct Result {
    std::vector<View> interfaces;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "NetworkInterfaces", "networkInterfaceSet", network_interface_structure(),
            [](const Result& r) -> const auto& { return r.interfaces; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

Values each_group(const View& view, std::string GroupName::*part) {
    Values values;
    for (const GroupName& group : view.groups)
        values.push_back(group.*part);
    return values;
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"addresses.private-ip-address",
          [](const View& v) { return Values{to_text(v.interface.address)}; }},
         {"attachment.instance-id",
          [](const View& v) { return Values{v.interface.instance.str()}; }},
         {"attachment.status", [](const View&) { return Values{"attached"}; }},
         {"availability-zone", [](const View& v) { return Values{v.interface.zone}; }},
         {"group-id", [](const View& v) { return each_group(v, &GroupName::id); }},
         {"group-name", [](const View& v) { return each_group(v, &GroupName::name); }},
         {"mac-address", [](const View& v) { return Values{v.interface.mac_address}; }},
         {"network-interface-id", [](const View& v) { return Values{v.interface.id.str()}; }},
         {"owner-id", [](const View& v) { return Values{v.interface.owner.str()}; }},
         {"private-ip-address", [](const View& v) { return Values{to_text(v.interface.address)}; }},
         {"status", [](const View&) { return Values{"in-use"}; }},
         {"subnet-id", [](const View& v) { return Values{v.interface.subnet.str()}; }},
         {"vpc-id", [](const View& v) { return Values{v.vpc.str()}; }}},
        [](const View& v) -> const auto& { return v.tags; });
    return table;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "NetworkInterfaceId");
    std::vector<View> views;
    services.database.read([&](Session& session) {
        const auto tags = images::tags_by_resource(session, caller.scope());
        for (auto& [instance, view] : load_interface_views(session, caller.scope())) {
            const auto own_tags = tags.find(view.interface.id.str());
            if (own_tags != tags.end()) view.tags = own_tags->second;
            views.push_back(view);
        }
    });
    keep_ids<View, NetworkInterfaceId>(
        views, ids_of<NetworkInterfaceId>(arguments, "NetworkInterfaceId"),
        [](const View& v) -> const NetworkInterfaceId& { return v.interface.id; },
        images::network_interface_not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page = page_of<View>(arguments, std::move(views),
                              [](const View& v) { return v.interface.id.str(); });
    return {.interfaces = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_network_interfaces() {
    return with_handler<Result>(
        {.name = "DescribeNetworkInterfaces",
         .summary = "Show the network interfaces of your instances",
         .example = "kiln describe-network-interfaces --filters "
                    "Name=attachment.instance-id,Values=i-0123456789abcdef0",
         .parameters = {ids_parameter("NetworkInterfaceId", "Ids of the interfaces to show"),
                        filters_parameter(), max_results_parameter(), next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "NetworkInterfaces",
                   .columns = {"NetworkInterfaceId", "Attachment.InstanceId", "PrivateIpAddress",
                               "MacAddress", "SubnetId"}}},
        output(), handle);
}

}  // namespace kiln::api
