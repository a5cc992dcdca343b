#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Result = launcher::Launcher::CreatedKeyPair;

Structure<Result> output() {
    return Structure<Result>()
        .text("KeyPairId", "keyPairId", [](const Result& r) { return r.id.str(); })
        .text("KeyName", "keyName", [](const Result& r) { return r.name; })
        .text("KeyFingerprint", "keyFingerprint",
              [](const Result& r) { return r.material.fingerprint; })
        .text("KeyMaterial", "keyMaterial", [](const Result& r) { return r.material.private_key; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto type = arguments.text("KeyType").value_or("rsa") == "ed25519"
                          ? launcher::KeyType::ed25519
                          : launcher::KeyType::rsa;
    return services.launcher.create_key_pair(caller, arguments.required_text("KeyName"), type,
                                             tags_for(arguments, "key-pair", {"key-pair"}));
}

}  // namespace

Action create_key_pair() {
    return with_handler<Result>(
        {.name = "CreateKeyPair",
         .summary = "Make a key pair; the private key is shown once",
         .example = "kiln create-key-pair --key-name k --key-type ed25519",
         .parameters =
             {{.name = "KeyName",
               .wire = "KeyName",
               .required = true,
               .help = "Name of the key pair"},
              {.name = "KeyType",
               .wire = "KeyType",
               .help = "Default rsa",
               .choices = {"rsa", "ed25519"}},
              {.name = "KeyFormat", .wire = "KeyFormat", .help = "Only pem", .choices = {"pem"}},
              tag_specifications_parameter(),
              dry_run_parameter()},
         .table = {.columns = {"KeyPairId", "KeyName", "KeyFingerprint"}}},
        output(), handle);
}

}  // namespace kiln::api
