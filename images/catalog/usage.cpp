#include "images/catalog/usage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct UsageTable {
    static constexpr const char* name = "usage_records";
    static UsageRecord blank() {
        return {.id = placeholder_id<UsageRecordId>(), .usage = {.owner = placeholder_account()}};
    }
    static void columns(auto& column, auto& record) {
        column("record_id", record.id);
        column("owner", record.usage.owner);
        column("region", record.usage.region);
        column("resource_id", record.usage.resource_id);
        column("kind", record.usage.kind);
        column("type", record.usage.type);
        column("size", record.usage.size);
        column("started", record.started);
        column("ended", record.ended);
    }
};

}  // namespace

void meter_start(Session& session, const Usage& usage, Time now) {
    const auto running =
        select_row<UsageTable>(session, "where resource_id = :resource and ended is null",
                               {{"resource", usage.resource_id}});
    if (running && running->usage == usage) return;
    if (running) meter_end(session, usage.resource_id, now);
    // The host's clock may have been set back meanwhile.
    const Time started = running ? std::max(now, running->started) : now;
    insert_row<UsageTable>(session,
                           {.id = UsageRecordId::generate(), .usage = usage, .started = started});
}

void meter_end(Session& session, const std::string& resource_id, Time now) {
    run_sql(session,
            "update usage_records set ended = case when started > :now then started else :now end"
            " where resource_id = :resource and ended is null",
            {{"now", to_epoch_ms(now)}, {"resource", resource_id}});
}

void meter_bundle_start(Session& session, const StoredBundle& bundle, Time now) {
    meter_start(session,
                {.owner = bundle.owner,
                 .region = bundle.region,
                 .resource_id = bundle.location,
                 .kind = UsageKind::bundle,
                 .type = "bundle",
                 .size = bundle.size},
                now);
}

void meter_bundle_end(Session& session, const std::string& location, Time now) {
    meter_end(session, location, now);
}

std::vector<UsageRecord> list_usage(Session& session, const std::optional<AccountId>& owner,
                                    const UsageSpan& span) {
    std::vector<SqlParameter> parameters{{"until", to_epoch_ms(span.until)},
                                         {"since", to_epoch_ms(span.since)}};
    if (owner) parameters.push_back({"owner", owner->str()});
    return select_rows<UsageTable>(session,
                                   fmt::format("where {}started < :until"
                                               " and (ended is null or ended >= :since)"
                                               " order by started, resource_id, record_id",
                                               owner ? "owner = :owner and " : ""),
                                   parameters);
}

}  // namespace kiln::images
