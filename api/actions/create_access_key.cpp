#include "api/services.hpp"
#include "api/shapes/access_key.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

struct Result {
    AccessKeyView key;
};

Structure<Result> output() {
    return Structure<Result>().structure("AccessKey", "accessKey", access_key_structure(),
                                         [](const Result& r) { return r.key; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    require_lasting_credentials(caller);
    return services.database.write([&](Session& session) {
        const images::Account user = user_of(session, caller, arguments);
        images::NewAccessKey made = images::create_access_key(session, services.secrets,
                                                              caller.account, services.clock.now());
        caller.stop_if_dry_run();
        return Result{
            {.key = std::move(made.key), .user_name = user.name, .secret = std::move(made.secret)}};
    });
}

}  // namespace

Action create_access_key() {
    return with_handler<Result>(
        {.name = "CreateAccessKey",
         .summary = "Make a key that signs requests for your account; its secret is told once",
         .example = "kiln create-access-key --output json",
         .parameters = {user_name_parameter(), dry_run_parameter()},
         .table = {.columns = {"AccessKey.AccessKeyId", "AccessKey.SecretAccessKey"}},
         .service = &iam_service},
        output(), handle);
}

}  // namespace kiln::api
