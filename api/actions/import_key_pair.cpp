#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "base/text.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Result = launcher::Launcher::ImportedKeyPair;

Structure<Result> output() {
    return Structure<Result>()
        .text("KeyPairId", "keyPairId", [](const Result& r) { return r.id.str(); })
        .text("KeyName", "keyName", [](const Result& r) { return r.name; })
        .text("KeyFingerprint", "keyFingerprint", [](const Result& r) { return r.fingerprint; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto key = base64_decode(arguments.required_text("PublicKeyMaterial"));
    if (!key) {
        throw Error("InvalidKey.Format", "", "PublicKeyMaterial is not valid base64");
    }
    return services.launcher.import_key_pair(caller, arguments.required_text("KeyName"), *key,
                                             tags_for(arguments, "key-pair", {"key-pair"}));
}

}  // namespace

Action import_key_pair() {
    return with_handler<Result>(
        {.name = "ImportKeyPair",
         .summary = "Make a key pair known whose private key you have",
         .example = "kiln import-key-pair --key-name k --public-key-material "
                    "file://~/.ssh/id_ed25519.pub",
         .parameters = {{.name = "KeyName",
                         .wire = "KeyName",
                         .required = true,
                         .help = "Name of the key pair"},
                        {.name = "PublicKeyMaterial",
                         .wire = "PublicKeyMaterial",
                         .shape = Shape::blob,
                         .required = true,
                         .help =
                             "The public key in OpenSSH's one-line form; file://PATH reads a file"},
                        tag_specifications_parameter(),
                        dry_run_parameter()},
         .table = {.columns = {"KeyPairId", "KeyName", "KeyFingerprint"}}},
        output(), handle);
}

}  // namespace kiln::api
