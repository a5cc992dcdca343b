#include "images/catalog/bucket.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/bundles/object_name.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct Bucket {
    std::string name;
    AccountId owner;
    Time created;
};

struct BucketTable {
    static constexpr const char* name = "buckets";
    static Bucket blank() { return {.owner = placeholder_account()}; }
    static void columns(auto& column, auto& bucket) {
        column("bucket", bucket.name);
        column("owner", bucket.owner);
        column("created", bucket.created);
    }
};

}  // namespace

std::optional<AccountId> owner_of_bucket(Session& session, const std::string& bucket) {
    const auto row =
        select_row<BucketTable>(session, "where bucket = :bucket", {{"bucket", bucket}});
    if (!row) return std::nullopt;
    return row->owner;
}

void claim_bucket(Session& session, const AccountId& account, const std::string& bucket, Time now) {
    check_bucket_name(bucket);
    const auto owner = owner_of_bucket(session, bucket);
    if (owner && *owner != account) {
        throw Error("BucketAlreadyExists", bucket,
                    fmt::format("The bucket '{}' belongs to another account: choose another name.",
                                bucket));
    }
    if (!owner) {
        insert_row<BucketTable>(session, {.name = bucket, .owner = account, .created = now});
    }
}

void check_own_bucket(Session& session, const AccountId& account, const std::string& bucket) {
    const auto owner = owner_of_bucket(session, bucket);
    if (owner == account) return;
    if (!owner) {
        throw Error("NoSuchBucket", bucket, fmt::format("There is no bucket '{}'.", bucket));
    }
    throw Error("AccessDenied", bucket,
                fmt::format("The bucket '{}' belongs to another account.", bucket));
}

}  // namespace kiln::images
