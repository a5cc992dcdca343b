#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/shapes/address.hpp"
#include "api/shapes/common.hpp"

namespace kiln::api {

namespace {

using View = AddressView;
using Values = std::vector<std::string>;

struct Result {
    std::vector<View> addresses;
};

Structure<Result> output() {
    return Structure<Result>().list(
        "Addresses", "addressesSet", address_structure(),
        [](const Result& r) -> const auto& { return r.addresses; });
}

Values of_interface(const View& view, std::string (*part)(const images::NetworkInterface&)) {
    if (!view.interface) return {};
    return {part(*view.interface)};
}

const FilterTable<View>& filters() {
    using Interface = images::NetworkInterface;
    static const FilterTable<View> table(
        {{"allocation-id", [](const View& v) { return Values{v.address.id.str()}; }},
         {"association-id",
          [](const View& v) {
              return v.address.association ? Values{v.address.association->id.str()} : Values();
          }},
         {"domain", [](const View&) { return Values{"vpc"}; }},
         {"instance-id",
          [](const View& v) {
              return of_interface(v, [](const Interface& i) { return i.instance.str(); });
          }},
         {"network-interface-id",
          [](const View& v) {
              return of_interface(v, [](const Interface& i) { return i.id.str(); });
          }},
         {"private-ip-address",
          [](const View& v) {
              return of_interface(v, [](const Interface& i) { return to_text(i.address); });
          }},
         {"public-ip", [](const View& v) { return Values{to_text(v.address.public_address)}; }}},
        [](const View& v) -> const auto& { return v.tags; });
    return table;
}

Error no_allocation(const AllocationId& id) {
    return {"InvalidAllocationID.NotFound", id.str(),
            "The allocation ID '" + id.str() + "' does not exist"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    auto views = services.database.read(
        [&](Session& session) { return load_address_views(session, caller.scope()); });
    keep_ids<View, AllocationId>(
        views, ids_of<AllocationId>(arguments, "AllocationId"),
        [](const View& v) -> const AllocationId& { return v.address.id; }, no_allocation);
    if (const auto wanted = arguments.texts("PublicIp"); !wanted.empty()) {
        std::erase_if(views, [&](const View& view) {
            return std::ranges::find(wanted, to_text(view.address.public_address)) == wanted.end();
        });
        if (views.empty()) {
            throw Error("InvalidAddress.NotFound", wanted.front(),
                        "Address '" + wanted.front() + "' not found.");
        }
    }
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return {.addresses = std::move(views)};
}

}  // namespace

Action describe_addresses() {
    return with_handler<Result>(
        {.name = "DescribeAddresses",
         .summary = "Show the addresses of this host that you have, and what they are mapped to",
         .example = "kiln describe-addresses",
         .parameters =
             {ids_parameter("AllocationId", "Ids of the addresses to show"),
              {.name = "PublicIps", .wire = "PublicIp", .list = true, .help = "Addresses to show"},
              filters_parameter(),
              dry_run_parameter()},
         .table = {.rows = "Addresses",
                   .columns = {"AllocationId", "PublicIp", "PortRange", "InstanceId",
                               "PrivateIpAddress", "PrivatePort"}}},
        output(), handle);
}

}  // namespace kiln::api
