#include <fmt/format.h>

#include "api/action.hpp"
#include "api/shapes/access_key.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret_box.hpp"
#include "images/accounts/session_credentials.hpp"

namespace kiln::api {

namespace {

using Credentials = images::SessionCredentials;

constexpr std::int64_t shortest_s = 15 * 60;
constexpr std::int64_t longest_s = 36 * 3600;
constexpr std::int64_t default_s = 12 * 3600;

Structure<Credentials> output() {
    static const auto credentials =
        Structure<Credentials>()
            .text("AccessKeyId", "accessKeyId",
                  [](const Credentials& c) { return c.access_key_id; })
            .text("SecretAccessKey", "secretAccessKey",
                  [](const Credentials& c) { return c.secret; })
            .text("SessionToken", "sessionToken", [](const Credentials& c) { return c.token; })
            .text("Expiration", "expiration",
                  [](const Credentials& c) { return format_time(c.expires); });
    return Structure<Credentials>().structure("Credentials", "credentials", credentials,
                                              [](const Credentials& c) { return c; });
}

Credentials handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::int64_t seconds = arguments.integer("DurationSeconds").value_or(default_s);
    if (seconds < shortest_s || seconds > longest_s) {
        throw Error("ValidationError", std::to_string(seconds),
                    fmt::format("DurationSeconds must be from {} to {}", shortest_s, longest_s));
    }
    require_lasting_credentials(caller);
    if (caller.access_key_id.empty()) {
        throw Error(
            "AccessDenied", "",
            "Session credentials are only as good as the access key that they are asked for "
            "with: sign the request with one, from 'kiln create-access-key'");
    }
    caller.stop_if_dry_run();
    return images::new_session_credentials(services.secrets, caller.account, caller.access_key_id,
                                           services.clock.now() + std::chrono::seconds(seconds));
}

}  // namespace

Action get_session_token() {
    return with_handler<Credentials>(
        {.name = "GetSessionToken",
         .summary = "Make a key that signs requests for your account for some hours",
         .example = "kiln get-session-token --duration-seconds 3600",
         .parameters = {{.name = "DurationSeconds",
                         .wire = "DurationSeconds",
                         .shape = Shape::integer,
                         .help = "How long it lives: 900 to 129600; default 43200"},
                        dry_run_parameter()},
         .table = {.columns = {"Credentials.AccessKeyId", "Credentials.SecretAccessKey",
                               "Credentials.SessionToken", "Credentials.Expiration"}},
         .service = &sts_service,
         .is_event = true,
         .hidden = true},
        output(), handle);
}

}  // namespace kiln::api
