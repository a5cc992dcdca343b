#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/snapshot.hpp"
#include "base/database.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/market/product_code.hpp"

namespace kiln::api {

namespace {

struct Result {
    SnapshotId snapshot;
    std::vector<std::string> grantees;
    std::vector<std::string> product_codes = {};
};

Structure<Result> output() {
    const auto permission =
        Structure<std::string>()
            .text("UserId", "userId",
                  [](const std::string& grantee) -> std::optional<std::string> {
                      if (grantee == images::everybody) return std::nullopt;
                      return grantee;
                  })
            .text("Group", "group", [](const std::string& grantee) -> std::optional<std::string> {
                if (grantee != images::everybody) return std::nullopt;
                return grantee;
            });
    return Structure<Result>()
        .text("SnapshotId", "snapshotId", [](const Result& r) { return r.snapshot.str(); })
        .list(
            "CreateVolumePermissions", "createVolumePermission", permission,
            [](const Result& r) -> const auto& { return r.grantees; })
        .list(
            "ProductCodes", "productCodes", product_code_structure(),
            [](const Result& r) -> const auto& { return r.product_codes; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const SnapshotId id(arguments.required_text("SnapshotId"));
    const std::string attribute = arguments.required_text("Attribute");
    Result result{.snapshot = id};
    services.database.read([&](Session& session) {
        images::get_snapshot(session, caller.scope(), id);
        if (attribute == create_volume_permission) {
            result.grantees = images::grantees_of(session, id);
        } else {
            result.product_codes = images::product_codes_of(session, id.str());
        }
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_snapshot_attribute() {
    return with_handler<Result>(
        {.name = "DescribeSnapshotAttribute",
         .summary = "Show who may make volumes of a snapshot of yours",
         .example = "kiln describe-snapshot-attribute --snapshot-id snap-0123456789abcdef0 "
                    "--attribute createVolumePermission",
         .parameters = {snapshot_id_parameter(),
                        attribute_parameter("Which attribute",
                                            {create_volume_permission, "productCodes"}),
                        dry_run_parameter()},
         .table = {.rows = "CreateVolumePermissions", .columns = {"UserId", "Group"}}},
        output(), handle);
}

}  // namespace kiln::api
