#include "api/shapes/access_key.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/accounts/session_credentials.hpp"

namespace kiln::api {

const Structure<AccessKeyView>& access_key_structure() {
    using View = AccessKeyView;
    static const auto structure =
        Structure<View>()
            .text("UserName", "userName", [](const View& v) { return v.user_name; })
            .text("AccessKeyId", "accessKeyId", [](const View& v) { return v.key.id; })
            .text("SecretAccessKey", "secretAccessKey", [](const View& v) { return v.secret; })
            .text("Status", "status",
                  [](const View& v) { return std::string(to_text(v.key.state)); })
            .text("CreateDate", "createDate",
                  [](const View& v) { return format_time(v.key.created); });
    return structure;
}

Parameter access_key_id_parameter() {
    return {.name = "AccessKeyId",
            .wire = "AccessKeyId",
            .required = true,
            .help = "A key of your account"};
}

Parameter user_name_parameter() {
    return {.name = "UserName", .wire = "UserName", .help = "The account's name"};
}

images::Account user_of(Session& session, const images::Caller& caller,
                        const Arguments& arguments) {
    images::Account account = images::get_account(session, caller.account);
    const auto name = arguments.text("UserName");
    if (!name || *name == account.name) return account;
    throw Error("NoSuchEntity", *name,
                fmt::format("The user with name {} cannot be found: an account has one user, of "
                            "the account's name.",
                            *name));
}

void require_lasting_credentials(const images::Caller& caller) {
    if (!caller.access_key_id.starts_with(images::session_key_prefix)) return;
    throw Error("AccessDenied", caller.access_key_id,
                "Session credentials cannot do this: sign the request with an access key");
}

}  // namespace kiln::api
