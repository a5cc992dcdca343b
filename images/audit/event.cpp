#include "images/audit/event.hpp"

#include <fmt/format.h>

#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct EventRow {
    Event event;
    std::int64_t uid = -1;    // none
    std::int64_t number = 0;  // from the first that was written; those of old catalogs have 0
};

struct EventTable {
    static constexpr const char* name = "events";
    static EventRow blank() {
        return {
            .event = {.account = placeholder_account(), .acting_account = placeholder_account()}};
    }
    static void columns(auto& column, auto& row) {
        column("event_id", row.event.id);
        column("time", row.event.time);
        column("name", row.event.name);
        column("account_id", row.event.account);
        column("acting_account", row.event.acting_account);
        column("uid", row.uid);
        column("access_key_id", row.event.access_key_id);
        column("region", row.event.region);
        column("request_id", row.event.request_id);
        column("error_code", row.event.error_code);
        column("error_message", row.event.error_message);
        column("number", row.number);
    }
};

std::vector<std::string> resources_of(Session& session, const std::string& event) {
    Statement rows(session,
                   "select resource_id from event_resources where event_id = :event"
                   " order by resource_id",
                   {{"event", event}}, {ColumnType::text});
    std::vector<std::string> resources;
    while (rows.next())
        resources.push_back(rows.text(0));
    return resources;
}

Event to_event(Session& session, EventRow row) {
    Event event = std::move(row.event);
    if (row.uid >= 0) event.uid = static_cast<uid_t>(row.uid);
    event.resources = resources_of(session, event.id);
    return event;
}

std::int64_t last_number(Session& session) {
    Statement row(session, "select coalesce(max(number), 0) from events", {}, {ColumnType::number});
    row.next();
    return row.number(0);
}

/// The text's condition and parameter, when it is asked for.
void add(std::string& condition, std::vector<SqlParameter>& parameters, const char* sql,
         const char* parameter, const std::optional<std::string>& text) {
    if (!text) return;
    condition += sql;
    parameters.push_back({parameter, *text});
}

/// The newest of the account's events that meet the condition stay.
void forget_all_but(Session& session, const AccountId& acting_account, const char* condition,
                    int newest) {
    run_sql(session,
            fmt::format("delete from events where acting_account = :account and {0}"
                        " and number <= (select number from events"
                        "                where acting_account = :account and {0}"
                        "                order by number desc limit 1 offset :newest)",
                        condition),
            {{"account", acting_account.str()}, {"newest", newest}});
}

}  // namespace

void insert_event(Session& session, const Event& event) {
    const std::int64_t uid = event.uid ? std::int64_t{*event.uid} : -1;
    insert_row<EventTable>(session,
                           {.event = event, .uid = uid, .number = last_number(session) + 1});
    for (const std::string& resource : event.resources) {
        run_sql(session,
                "insert into event_resources (event_id, resource_id) values (:event, :resource)"
                " on conflict do nothing",
                {{"event", event.id}, {"resource", resource}});
    }
}

void forget_events(Session& session, Time before, int newest) {
    run_sql(session, "delete from events where time < :before and number <= :last",
            {{"before", to_value(before)}, {"last", last_number(session) - newest}});
}

void forget_refusals(Session& session, const AccountId& acting_account, int newest) {
    forget_all_but(session, acting_account, "error_code <> ''", newest);
}

void forget_successes(Session& session, const AccountId& acting_account, int newest) {
    forget_all_but(session, acting_account, "error_code = ''", newest);
}

std::vector<Event> list_events(Session& session, const EventQuery& query) {
    std::string condition = "where time >= :since and time <= :until";
    std::vector<SqlParameter> parameters{{"since", to_value(query.since)},
                                         {"until", to_value(query.until)}};
    add(condition, parameters, " and (account_id = :account or acting_account = :account)",
        "account",
        query.account ? std::optional(query.account->str()) : std::optional<std::string>());
    add(condition, parameters, " and events.event_id = :id", "id", query.id);
    add(condition, parameters, " and name = :name", "name", query.name);
    add(condition, parameters, " and error_code = :code", "code", query.error_code);
    add(condition, parameters, " and access_key_id = :key", "key", query.access_key_id);
    add(condition, parameters,
        " and events.event_id in"
        " (select event_id from event_resources where resource_id = :resource)",
        "resource", query.resource);
    std::vector<Event> events;
    for (EventRow& row : select_rows<EventTable>(
             session, condition + " order by time desc, number desc", parameters)) {
        events.push_back(to_event(session, std::move(row)));
    }
    return events;
}

}  // namespace kiln::images
