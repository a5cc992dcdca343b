#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/decimal.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::images {

struct UsageRecordKind {
    static constexpr const char* prefix = "use";
    static constexpr const char* malformed_code = "InvalidParameterValue";
};
using UsageRecordId = Id<UsageRecordKind>;

/// What is charged for a resource while nothing of it changes.
struct Usage {
    AccountId owner;
    std::string region;
    std::string resource_id;
    UsageKind kind;
    std::string type;  // the instance type, the volume type, "snapshot", "bundle", a product code
    Bytes size;        // what is stored; 0 for instances and products
    std::optional<AccountId> seller = {};  // of a product
    std::optional<Decimal> rate = {};      // of a product, per hour, as it was at the start

    friend bool operator==(const Usage&, const Usage&) = default;
};

/// A span of time in which it was. Of one resource at most one record runs, and its records do not
/// overlap; an instance has one more for each of its products.
struct UsageRecord {
    UsageRecordId id;
    Usage usage;
    Time started;
    std::optional<Time> ended;  // nullopt while it runs
};

/// Instances, volumes and snapshots are metered by the functions of the catalog that write their
/// rows, in the same transaction: an instance and its products while it is running; a volume until
/// it is deleting, deleted or in error; a snapshot once it is completed until it is deleted.

/// The ledger is only ever added to: a record is one row when it starts, and another when it ends.

/// From now on this is charged. What the resource was charged for until now ends, unless it is the
/// same.
void meter_start(Session& session, const Usage& usage, Time now);
/// The same for each product of an instance that runs: `usage` is the instance's. What is charged
/// already goes on at its rate.
void meter_products(Session& session, const Usage& usage, Time now);
/// All that is charged for the resource. Nothing to end is no error.
void meter_end(Session& session, const std::string& resource_id, Time now);

/// The objects of a bundle or of a stored image.
struct StoredBundle {
    std::string location;  // "bucket/key" of its manifest or object
    AccountId owner;
    std::string region;
    Bytes size;
};
/// To be called when the bundle is stored whole, and again when its size changes.
void meter_bundle_start(Session& session, const StoredBundle& bundle, Time now);
/// To be called in the transaction after which the bundle is nobody's any more.
void meter_bundle_end(Session& session, const std::string& location, Time now);

/// The account's records of all regions that ran in the span from `since` until `until`, oldest
/// first; without an owner those of all accounts.
struct UsageSpan {
    Time since;
    Time until;
};
std::vector<UsageRecord> list_usage(Session& session, const std::optional<AccountId>& owner,
                                    const UsageSpan& span);
/// Of what the account sells.
std::vector<UsageRecord> list_sales(Session& session, const AccountId& seller,
                                    const UsageSpan& span);

}  // namespace kiln::images
