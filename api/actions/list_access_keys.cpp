#include "api/services.hpp"
#include "api/shapes/access_key.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::vector<AccessKeyView> keys;
};

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "AccessKeyMetadata", "accessKeyMetadata", access_key_structure(),
            [](const Result& r) -> const auto& { return r.keys; })
        .boolean("IsTruncated", "isTruncated", [](const Result&) { return false; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result;
    services.database.read([&](Session& session) {
        const images::Account user = user_of(session, caller, arguments);
        for (images::AccessKey& key : images::list_access_keys(session, caller.account))
            result.keys.push_back({.key = std::move(key), .user_name = user.name});
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action list_access_keys() {
    return with_handler<Result>(
        {.name = "ListAccessKeys",
         .summary = "Show the keys that sign requests for your account",
         .example = "kiln list-access-keys",
         .parameters = {user_name_parameter(), dry_run_parameter()},
         .table = {.rows = "AccessKeyMetadata", .columns = {"AccessKeyId", "Status", "CreateDate"}},
         .service = &iam_service},
        output(), handle);
}

}  // namespace kiln::api
