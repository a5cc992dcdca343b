#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "launcher/network/network_plan.hpp"

namespace kiln::api {

namespace {

using View = InstanceView;
using Values = std::vector<std::string>;

struct Result {
    std::vector<ReservationView> reservations;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Reservations", "reservationSet", reservation_structure(),
            [](const Result& r) -> const auto& { return r.reservations; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

Values volume_ids(const View& view) {
    Values ids;
    for (const images::Volume& volume : view.volumes)
        ids.push_back(volume.id.str());
    return ids;
}

Values device_names(const View& view) {
    Values names;
    for (const images::Volume& volume : view.volumes)
        names.push_back(volume.attachment->device_name);
    return names;
}

Values group_values(const View& view, std::string GroupName::*part) {
    Values values;
    if (!view.interface) return values;
    for (const GroupName& group : view.interface->groups)
        values.push_back(group.*part);
    return values;
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"architecture",
          [](const View& v) { return Values{std::string(to_text(v.instance.architecture))}; }},
         {"availability-zone", [](const View& v) { return Values{v.instance.zone}; }},
         {"block-device-mapping.device-name", device_names},
         {"block-device-mapping.volume-id", volume_ids},
         {"client-token", [](const View& v) { return Values{v.instance.client_token}; }},
         {"hypervisor", [](const View&) { return Values{"xen"}; }},
         {"image-id",
          [](const View& v) {
              return Values{v.instance.image.str(), images::shown_image_id(v.instance)};
          }},
         {"instance-id", [](const View& v) { return Values{v.instance.id.str()}; }},
         {"instance-state-code",
          [](const View& v) {
              return Values{std::to_string(images::state_code(v.instance.state))};
          }},
         {"instance-state-name",
          [](const View& v) { return Values{std::string(to_text(v.instance.state))}; }},
         {"instance-type", [](const View& v) { return Values{v.instance.instance_type}; }},
         {"kernel-id", [](const View& v) { return Values{v.instance.kernel_id}; }},
         {"key-name", [](const View& v) { return Values{v.instance.key_name}; }},
         {"launch-index",
          [](const View& v) { return Values{std::to_string(v.instance.launch_index)}; }},
         {"launch-time", [](const View& v) { return Values{format_time(v.instance.launched)}; }},
         {"owner-id", [](const View& v) { return Values{v.instance.owner.str()}; }},
         {"platform", [](const View& v) { return Values{v.instance.platform}; }},
         {"product-code", [](const View& v) { return v.product_codes; }},
         {"product-code.type",
          [](const View& v) { return Values(v.product_codes.size(), "marketplace"); }},
         {"ramdisk-id", [](const View& v) { return Values{v.instance.ramdisk_id}; }},
         {"reservation-id", [](const View& v) { return Values{v.instance.reservation.str()}; }},
         {"root-device-name", [](const View& v) { return Values{v.instance.root_device_name}; }},
         {"root-device-type",
          [](const View& v) { return Values{std::string(to_text(v.instance.root_device_type))}; }},
         {"state-reason-code", [](const View& v) { return Values{v.instance.state_reason.code}; }},
         {"dns-name", [](const View&) { return Values{}; }},
         {"instance.group-id", [](const View& v) { return group_values(v, &GroupName::id); }},
         {"instance.group-name", [](const View& v) { return group_values(v, &GroupName::name); }},
         {"network-interface.network-interface-id",
          [](const View& v) {
              return v.interface ? Values{v.interface->interface.id.str()} : Values{};
          }},
         {"ip-address",
          [](const View& v) {
              const auto address = v.interface ? v.interface->public_address() : std::nullopt;
              return address ? Values{*address} : Values{};
          }},
         {"private-dns-name",
          [](const View& v) {
              return v.interface ? Values{launcher::private_dns_name(v.interface->interface)}
                                 : Values{};
          }},
         {"private-ip-address",
          [](const View& v) {
              return v.interface ? Values{to_text(v.interface->interface.address)} : Values{};
          }},
         {"subnet-id",
          [](const View& v) {
              return v.interface ? Values{v.interface->interface.subnet.str()} : Values{};
          }},
         {"vpc-id",
          [](const View& v) { return v.interface ? Values{v.interface->vpc.str()} : Values{}; }},
         {"virtualization-type",
          [](const View& v) {
              return Values{std::string(to_text(v.instance.virtualization_type))};
          }}},
        [](const View& v) -> const auto& { return v.tags; });
    return table;
}

/// Instances of one launch stand together, in the order of their launch indices.
std::vector<ReservationView> by_reservation(std::vector<View> views) {
    std::ranges::stable_sort(views, {}, [](const View& v) {
        return std::pair(v.instance.launched, v.instance.launch_index);
    });
    std::vector<ReservationView> reservations;
    for (View& view : views) {
        const auto same =
            std::ranges::find(reservations, view.instance.reservation, &ReservationView::id);
        if (same != reservations.end()) {
            same->instances.push_back(std::move(view));
            continue;
        }
        reservations.push_back({.id = view.instance.reservation, .owner = view.instance.owner});
        reservations.back().instances.push_back(std::move(view));
    }
    return reservations;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "InstanceId");
    std::vector<View> views = services.database.read([&](Session& session) {
        return load_instance_views(session, caller.scope(), services.clock.now());
    });
    keep_ids<View, InstanceId>(
        views, ids_of<InstanceId>(arguments, "InstanceId"),
        [](const View& v) -> const InstanceId& { return v.instance.id; },
        images::instance_not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page = page_of<View>(arguments, std::move(views),
                              [](const View& v) { return v.instance.id.str(); });
    return {.reservations = by_reservation(std::move(page.items)),
            .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_instances() {
    return with_handler<Result>(
        {.name = "DescribeInstances",
         .summary = "Show your instances",
         .example = "kiln describe-instances --filters Name=instance-state-name,Values=running",
         .parameters = {ids_parameter("InstanceId", "Ids of the instances to show"),
                        filters_parameter(), max_results_parameter(), next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Reservations.Instances",
                   .columns = {"InstanceId", "ImageId", "InstanceType", "State.Name", "KeyName",
                               "PrivateIpAddress", "LaunchTime", "StateReason.Message"}}},
        output(), handle);
}

}  // namespace kiln::api
