#include <fmt/format.h>

#include "api/action.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "images/audit/event.hpp"

namespace kiln::api {

namespace {

using images::Event;
using Result = Page<Event>;

const Structure<Event>& event_structure() {
    static const auto resource = Structure<std::string>().text(
        "ResourceName", "resourceName", [](const std::string& id) { return id; });
    static const auto structure =
        Structure<Event>()
            .text("EventId", "eventId", [](const Event& e) { return e.id; })
            .text("EventName", "eventName", [](const Event& e) { return e.name; })
            .text("EventTime", "eventTime", [](const Event& e) { return format_time(e.time); })
            .text("AccountId", "accountId", [](const Event& e) { return e.account.str(); })
            .text("ActingAccountId", "actingAccountId",
                  [](const Event& e) { return e.acting_account.str(); })
            .integer("Uid", "uid",
                     [](const Event& e) -> std::optional<std::int64_t> {
                         if (!e.uid) return std::nullopt;
                         return std::int64_t{*e.uid};
                     })
            .text("AccessKeyId", "accessKeyId",
                  [](const Event& e) { return if_any(e.access_key_id); })
            .text("Region", "region", [](const Event& e) { return e.region; })
            .text("RequestId", "requestId", [](const Event& e) { return e.request_id; })
            .text("ErrorCode", "errorCode", [](const Event& e) { return if_any(e.error_code); })
            .text("ErrorMessage", "errorMessage",
                  [](const Event& e) { return if_any(e.error_message); })
            .list(
                "Resources", "resourceSet", resource,
                [](const Event& e) -> const auto& { return e.resources; });
    return structure;
}

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "Events", "eventSet", event_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

images::EventQuery query_of(const images::Caller& caller, const Arguments& arguments) {
    images::EventQuery query;
    if (!caller.administrator) query.account = caller.account;
    query.since = time_of(arguments, "StartTime").value_or(query.since);
    query.until = time_of(arguments, "EndTime").value_or(query.until);
    for (const Arguments& attribute : arguments.structures("LookupAttribute")) {
        const std::string key = attribute.required_text("AttributeKey");
        const std::string value = attribute.required_text("AttributeValue");
        if (key == "EventId") query.id = value;
        if (key == "EventName") query.name = value;
        if (key == "ResourceName") query.resource = value;
        if (key == "ErrorCode") query.error_code = value;
        if (key == "AccessKeyId") query.access_key_id = value;
    }
    return query;
}

std::string newest_first(const Event& event) {
    return fmt::format("{:020} {}", to_epoch_ms(Time::max()) - to_epoch_ms(event.time), event.id);
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    std::vector<Event> events = services.database.read([&](Session& session) {
        return images::list_events(session, query_of(caller, arguments));
    });
    caller.stop_if_dry_run();
    return page_of<Event>(arguments, std::move(events), newest_first);
}

std::vector<Parameter> parameters() {
    return {{.name = "LookupAttributes",
             .wire = "LookupAttribute",
             .shape = Shape::structure,
             .list = true,
             .help = "What the events have in common",
             .members = {{.name = "AttributeKey",
                          .wire = "AttributeKey",
                          .required = true,
                          .help = "By what to look",
                          .choices = {"EventId", "EventName", "ResourceName", "ErrorCode",
                                      "AccessKeyId"}},
                         {.name = "AttributeValue",
                          .wire = "AttributeValue",
                          .required = true,
                          .help = "What it has to be"}}},
            {.name = "StartTime", .wire = "StartTime", .help = "Only events from then on, in UTC"},
            {.name = "EndTime", .wire = "EndTime", .help = "Only events until then"},
            max_results_parameter(),
            next_token_parameter(),
            dry_run_parameter()};
}

}  // namespace

Action lookup_events() {
    return with_handler<Result>(
        {.name = "LookupEvents",
         .summary = "Show who changed what in the last 90 days, the newest first",
         .example = "kiln lookup-events --lookup-attributes "
                    "AttributeKey=ResourceName,AttributeValue=ami-0123456789abcdef0",
         .parameters = parameters(),
         .table = {.rows = "Events",
                   .columns = {"EventTime", "EventName", "AccountId", "Uid", "ErrorCode",
                               "Resources.ResourceName"}}},
        output(), handle);
}

}  // namespace kiln::api
