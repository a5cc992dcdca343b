#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "images/catalog/key_pair.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

std::string name_of(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto name = arguments.text("KeyName");
    if (name) return *name;
    const auto id = arguments.text("KeyPairId");
    if (!id) {
        throw Error(error_code::missing_parameter, "KeyName",
                    "The request must contain the parameter KeyName or KeyPairId");
    }
    const auto key_pairs = services.database.read(
        [&](Session& session) { return images::list_key_pairs(session, caller.scope()); });
    for (const images::KeyPair& key_pair : key_pairs) {
        if (key_pair.id.str() == *id) return key_pair.name;
    }
    throw Error("InvalidKeyPair.NotFound", *id, "The key pair '" + *id + "' does not exist");
}

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.delete_key_pair(caller, name_of(services, caller, arguments));
    return {};
}

}  // namespace

Action delete_key_pair() {
    return with_handler<Done>(
        {.name = "DeleteKeyPair",
         .summary = "Forget a key pair; instances keep the key they have",
         .example = "kiln delete-key-pair --key-name k",
         .parameters = {{.name = "KeyName", .wire = "KeyName", .help = "Name of the key pair"},
                        {.name = "KeyPairId", .wire = "KeyPairId", .help = "Or its id"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
