#include "images/catalog/region.hpp"

#include <fmt/format.h>

#include <array>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct RegionTable {
    static constexpr const char* name = "regions";
    static Region blank() { return {}; }
    static void columns(auto& column, auto& region) {
        column("region", region.name);
        column("pool", region.pool);
        column("libvirt_uri", region.libvirt_uri);
        column("created", region.created);
    }
};

/// Rows that keep a region from being deleted. `noun` is counted, in the singular.
struct Holding {
    const char* noun;
    const char* sql;
};

constexpr std::array<Holding, 8> holdings{{
    {"image",
     "select count(*) from images where region = :region"
     " and state in ('pending', 'available', 'disabled')"},
    {"snapshot", "select count(*) from snapshots where region = :region"},
    {"volume", "select count(*) from volumes where region = :region and state <> 'deleted'"},
    {"instance", "select count(*) from instances where region = :region and state <> 'terminated'"},
    {"key pair", "select count(*) from key_pairs where region = :region"},
    {"launch template", "select count(*) from launch_templates where region = :region"},
    {"layer", "select count(*) from layers where region = :region"},
    {"export", "select count(*) from export_tasks where region = :region and state <> 'deleted'"},
}};

/// What a deletion takes along. Children first.
constexpr std::array<const char*, 13> tombstones{
    "delete from export_tasks where region = :region",
    "delete from store_image_tasks where region = :region",
    "delete from bundle_tasks where region = :region",
    "delete from tags where region = :region",
    "delete from client_tokens where region = :region",
    "delete from image_block_devices where image_id in (select image_id from images where region = "
    ":region)",
    "delete from images where region = :region",
    "delete from volumes where region = :region",
    "delete from instances where region = :region",
    "delete from security_group_rules where group_id in (select group_id from security_groups "
    "where "
    "region = :region)",
    "delete from security_groups where region = :region",
    "delete from vpcs where region = :region",
    "delete from regions where region = :region",
};

std::int64_t count(Session& session, const char* sql, const std::string& region) {
    Statement rows(session, sql, {{"region", region}}, {ColumnType::number});
    rows.next();
    return rows.number(0);
}

/// The region that has the value in that column of the table, other than `name`.
std::optional<std::string> other_region_with(Session& session, const char* sql,
                                             const std::string& value, const std::string& name) {
    Statement rows(session, sql, {{"value", value}, {"name", name}}, {ColumnType::text});
    if (!rows.next()) return std::nullopt;
    return rows.text(0);
}

void check_free(Session& session, const Region& region) {
    for (const std::string& zone : region.zones) {
        const auto other = other_region_with(
            session, "select region from zones where zone = :value and region <> :name", zone,
            region.name);
        if (!other) continue;
        throw Error(error_code::invalid_parameter_value, zone,
                    fmt::format("The zone '{}' belongs to the region '{}': choose other names.",
                                zone, *other));
    }
    const auto other = other_region_with(
        session, "select region from regions where pool = :value and region <> :name", region.pool,
        region.name);
    if (!other) return;
    throw Error(error_code::invalid_parameter_value, region.pool,
                fmt::format("The directory '{}' is the pool of the region '{}': each needs one of "
                            "its own.",
                            region.pool, *other));
}

std::vector<std::string> zones_of(Session& session, const std::string& region) {
    Statement rows(session, "select zone from zones where region = :region order by position",
                   {{"region", region}}, {ColumnType::text});
    std::vector<std::string> zones;
    while (rows.next())
        zones.push_back(rows.text(0));
    return zones;
}

}  // namespace

void check_new_region(Session& session, const Region& region) {
    check_free(session, region);
    if (!find_region(session, region.name)) return;
    throw Error("RegionAlreadyExists", region.name,
                fmt::format("The region '{}' already exists.", region.name));
}

void put_region(Session& session, const Region& region) {
    check_free(session, region);
    run_sql(session,
            "insert into regions (region, pool, libvirt_uri, created)"
            " values (:region, :pool, :uri, :created)"
            " on conflict (region) do update set pool = excluded.pool,"
            " libvirt_uri = excluded.libvirt_uri",
            {{"region", region.name},
             {"pool", region.pool},
             {"uri", region.libvirt_uri},
             {"created", to_value(region.created)}});
    run_sql(session, "delete from zones where region = :region", {{"region", region.name}});
    for (std::size_t i = 0; i < region.zones.size(); ++i) {
        run_sql(session,
                "insert into zones (zone, region, position) values (:zone, :region, :position)",
                {{"zone", region.zones[i]},
                 {"region", region.name},
                 {"position", static_cast<std::int64_t>(i)}});
    }
}

std::optional<Region> find_region(Session& session, const std::string& name) {
    auto region = select_row<RegionTable>(session, "where region = :region", {{"region", name}});
    if (region) region->zones = zones_of(session, name);
    return region;
}

std::vector<Region> list_regions(Session& session) {
    auto regions = select_rows<RegionTable>(session, "order by created, region");
    for (Region& region : regions)
        region.zones = zones_of(session, region.name);
    return regions;
}

void delete_region(Session& session, const std::string& name) {
    for (const char* sql : tombstones)
        run_sql(session, sql, {{"region", name}});
}

std::string describe_holdings(Session& session, const std::string& region) {
    std::string text;
    for (const Holding& holding : holdings) {
        const std::int64_t found = count(session, holding.sql, region);
        if (found == 0) continue;
        text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", found, holding.noun,
                            found == 1 ? "" : "s");
    }
    return text;
}

}  // namespace kiln::images
