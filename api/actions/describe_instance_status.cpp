#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using images::InstanceState;
using launcher::Reachability;
using Values = std::vector<std::string>;

struct View {
    images::Instance instance;
    Reachability reachability;
};
using Result = Page<View>;

bool runs(const View& view) {
    return view.instance.state == InstanceState::running;
}

/// EC2's word for the whole of a check.
std::string instance_status(const View& view) {
    if (view.instance.state == InstanceState::pending) return "initializing";
    if (!runs(view)) return "not-applicable";
    switch (view.reachability) {
        case Reachability::initializing:
            return "initializing";
        case Reachability::ok:
            return "ok";
        case Reachability::impaired:
            return "impaired";
    }
    return "insufficient-data";
}

/// EC2's word for the one part of it.
std::string reachability_status(const View& view) {
    switch (view.reachability) {
        case Reachability::initializing:
            return "initializing";
        case Reachability::ok:
            return "passed";
        case Reachability::impaired:
            return "failed";
    }
    return "insufficient-data";
}

std::string system_status(const View& view) {
    return runs(view) ? "ok" : "not-applicable";
}

Structure<View> status_structure(const std::function<std::string(const View&)>& whole,
                                 const std::function<std::string(const View&)>& part) {
    const auto detail =
        Structure<View>()
            .text("Name", "name", [](const View&) { return std::string("reachability"); })
            .text("Status", "status", part);
    return Structure<View>()
        .text("Status", "status", whole)
        .list("Details", "details", detail,
              [](const View& v) { return runs(v) ? std::vector<View>{v} : std::vector<View>{}; });
}

Structure<Result> output() {
    const auto passed = [](const View&) { return std::string("passed"); };
    const auto item =
        Structure<View>()
            .text("AvailabilityZone", "availabilityZone",
                  [](const View& v) { return v.instance.zone; })
            .text("InstanceId", "instanceId", [](const View& v) { return v.instance.id.str(); })
            .structure("InstanceState", "instanceState", instance_state_structure(),
                       [](const View& v) { return v.instance.state; })
            .structure("InstanceStatus", "instanceStatus",
                       status_structure(instance_status, reachability_status),
                       [](const View& v) { return v; })
            .structure("SystemStatus", "systemStatus", status_structure(system_status, passed),
                       [](const View& v) { return v; });
    return Structure<Result>()
        .list(
            "InstanceStatuses", "instanceStatusSet", item,
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"availability-zone", [](const View& v) { return Values{v.instance.zone}; }},
         {"instance-state-code",
          [](const View& v) {
              return Values{std::to_string(images::state_code(v.instance.state))};
          }},
         {"instance-state-name",
          [](const View& v) { return Values{std::string(to_text(v.instance.state))}; }},
         {"instance-status.status", [](const View& v) { return Values{instance_status(v)}; }},
         {"instance-status.reachability",
          [](const View& v) { return Values{reachability_status(v)}; }},
         {"system-status.status", [](const View& v) { return Values{system_status(v)}; }},
         {"system-status.reachability", [](const View&) { return Values{"passed"}; }}});
    return table;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "InstanceId");
    std::vector<View> views;
    services.database.read([&](Session& session) {
        for (images::Instance& instance : images::list_instances(
                 session, caller.scope(), services.clock.now() - terminated_instances_are_shown)) {
            const Reachability reachability = services.launcher.reachability(instance.id);
            views.push_back({.instance = std::move(instance), .reachability = reachability});
        }
    });
    keep_ids<View, InstanceId>(
        views, ids_of<InstanceId>(arguments, "InstanceId"),
        [](const View& v) -> const InstanceId& { return v.instance.id; },
        images::instance_not_found);
    if (!arguments.boolean("IncludeAllInstances").value_or(false)) {
        std::erase_if(views, [](const View& v) { return !runs(v); });
    }
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views),
                         [](const View& v) { return v.instance.id.str(); });
}

}  // namespace

Action describe_instance_status() {
    return with_handler<Result>(
        {.name = "DescribeInstanceStatus",
         .summary = "Show whether running instances answer",
         .example = "kiln describe-instance-status --instance-ids i-0123456789abcdef0 --wait",
         .parameters = {ids_parameter("InstanceId", "Ids of the instances to show"),
                        {.name = "IncludeAllInstances",
                         .wire = "IncludeAllInstances",
                         .shape = Shape::boolean,
                         .help = "Also instances that do not run"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "InstanceStatuses",
                   .columns = {"InstanceId", "InstanceState.Name", "InstanceStatus.Status",
                               "SystemStatus.Status", "AvailabilityZone"}},
         .waiter = Waiter{.action = "DescribeInstanceStatus",
                          .parameter = "InstanceId",
                          .request_ids = "InstanceId",
                          .state = "InstanceStatuses.InstanceStatus.Status",
                          .wanted = "ok",
                          .failed = {"impaired", "not-applicable"},
                          .also = {{"IncludeAllInstances", "true"}}}},
        output(), handle);
}

}  // namespace kiln::api
