#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

struct Result {
    images::Organization organization;
};

Structure<Result> output() {
    using images::Organization;
    static const auto organization =
        Structure<Organization>()
            .text("Id", "id", [](const Organization& o) { return o.id; })
            .text("Arn", "arn", images::organization_arn)
            .text("MasterAccountId", "masterAccountId",
                  [](const Organization& o) { return o.management_account.str(); })
            .text("RootId", "rootId", [](const Organization& o) { return o.root; });
    return Structure<Result>().structure("Organization", "organization", organization,
                                         [](const Result& r) { return r.organization; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& /*arguments*/) {
    Result result{.organization = services.database.read(images::get_organization)};
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_organization() {
    return with_handler<Result>(
        {.name = "DescribeOrganization",
         .summary = "Show the organization that the accounts are in, and its root",
         .example = "kiln describe-organization",
         .parameters = {dry_run_parameter()},
         .table = {.columns = {"Organization.Id", "Organization.RootId",
                               "Organization.MasterAccountId", "Organization.Arn"}}},
        output(), handle);
}

}  // namespace kiln::api
