#include "images/catalog/usage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "images/catalog/table.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"

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
        column("seller", record.usage.seller);
        column("rate", record.usage.rate);
        column("ended", record.ended);
    }
};

/// What a record is when it starts: all but its end.
struct UsageStartTable {
    static constexpr const char* name = "usage_starts";
    static void columns(auto& column, auto& record) {
        const auto but_the_end = [&](const char* column_name, auto& field) {
            if (column_name != std::string_view("ended")) column(column_name, field);
        };
        UsageTable::columns(but_the_end, record);
    }
    static UsageRecord blank() { return UsageTable::blank(); }
};

std::vector<UsageRecord> running_records(Session& session, const std::string& resource_id) {
    return select_rows<UsageTable>(session, "where resource_id = :resource and ended is null",
                                   {{"resource", resource_id}});
}

/// Not before the last record of the same has ended: nobody pays twice for a clock that was set
/// back.
void insert_start(Session& session, const Usage& usage, Time started) {
    Statement last(session,
                   "select max(ended) from usage_records"
                   " where resource_id = :resource and kind = :kind and type = :type",
                   {{"resource", usage.resource_id},
                    {"kind", std::string(to_text(usage.kind))},
                    {"type", usage.type}},
                   {ColumnType::number});
    if (last.next() && !last.is_null(0)) started = std::max(started, from_epoch_ms(last.number(0)));
    insert_row<UsageStartTable>(
        session, {.id = UsageRecordId::generate(), .usage = usage, .started = started});
}

/// The host's clock may have been set back meanwhile.
void insert_end(Session& session, const UsageRecord& record, Time now) {
    run_sql(session, "insert into usage_ends (record_id, ended) values (:record, :ended)",
            {{"record", record.id.str()}, {"ended", to_value(std::max(now, record.started))}});
}

std::vector<UsageRecord> list_records(Session& session, const std::string& condition,
                                      const UsageSpan& span, std::vector<SqlParameter> parameters) {
    parameters.push_back({"until", to_epoch_ms(span.until)});
    parameters.push_back({"since", to_epoch_ms(span.since)});
    return select_rows<UsageTable>(session,
                                   fmt::format("where {}started < :until"
                                               " and (ended is null or ended >= :since)"
                                               " order by started, resource_id, record_id",
                                               condition),
                                   parameters);
}

}  // namespace

void meter_start(Session& session, const Usage& usage, Time now) {
    Time started = now;
    for (const UsageRecord& running : running_records(session, usage.resource_id)) {
        if (running.usage.kind != usage.kind) continue;
        if (running.usage == usage) return;
        insert_end(session, running, now);
        started = std::max(now, running.started);
    }
    insert_start(session, usage, started);
}

void meter_products(Session& session, const Usage& usage, Time now) {
    const std::vector<std::string> codes = product_codes_of(session, usage.resource_id);
    if (codes.empty()) return;
    const auto running = running_records(session, usage.resource_id);
    for (const std::string& code : codes) {
        const bool runs = std::ranges::any_of(
            running, [&](const UsageRecord& record) { return record.usage.type == code; });
        if (runs) continue;
        Usage of_product = usage;
        of_product.kind = UsageKind::product;
        of_product.type = code;
        of_product.seller = get_product(session, code).seller;
        if (of_product.seller == usage.owner) continue;  // sells nothing
        of_product.rate = product_rate(session, code, now);
        insert_start(session, of_product, now);
    }
}

void meter_end(Session& session, const std::string& resource_id, Time now) {
    for (const UsageRecord& running : running_records(session, resource_id))
        insert_end(session, running, now);
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
    if (!owner) return list_records(session, "", span, {});
    return list_records(session, "owner = :owner and ", span, {{"owner", owner->str()}});
}

std::vector<UsageRecord> list_sales(Session& session, const AccountId& seller,
                                    const UsageSpan& span) {
    return list_records(session, "seller = :seller and ", span, {{"seller", seller.str()}});
}

}  // namespace kiln::images
