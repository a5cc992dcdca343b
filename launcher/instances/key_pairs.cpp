#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/catalog/key_pair.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/implementation.hpp"

namespace kiln::launcher {

namespace {

constexpr std::size_t max_key_name_length = 255;

void check_key_name(const std::string& name) {
    const bool printable = std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; });
    const bool file_name = name.find('/') == std::string::npos && !name.starts_with('.');
    if (!name.empty() && name.size() <= max_key_name_length && printable && file_name) return;
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("Invalid value '{}' for KeyName: expecting 1 to {} printable ASCII "
                            "characters without '/' and not beginning with '.'",
                            name, max_key_name_length));
}

const char* type_name(KeyType type) {
    return type == KeyType::rsa ? "rsa" : "ed25519";
}

}  // namespace

Launcher::CreatedKeyPair Launcher::create_key_pair(const images::Caller& caller,
                                                   const std::string& name, KeyType type,
                                                   const std::vector<images::Tag>& tags) {
    check_key_name(name);
    CreatedKeyPair created{
        .id = KeyPairId::generate(), .name = name, .material = generate_key(type, name)};
    implementation_->database().write([&](Session& session) {
        images::insert_key_pair(session, {.id = created.id,
                                          .owner = caller.account,
                                          .region = caller.region,
                                          .name = name,
                                          .type = type_name(type),
                                          .fingerprint = created.material.fingerprint,
                                          .public_key = created.material.public_key,
                                          .created = implementation_->now()});
        images::set_tags(session, caller.scope(), created.id.str(), tags);
        caller.stop_if_dry_run();
    });
    return created;
}

Launcher::ImportedKeyPair Launcher::import_key_pair(const images::Caller& caller,
                                                    const std::string& name,
                                                    const std::string& public_key,
                                                    const std::vector<images::Tag>& tags) {
    check_key_name(name);
    const PublicKey parsed = parse_public_key(public_key);
    ImportedKeyPair imported{
        .id = KeyPairId::generate(), .name = name, .fingerprint = parsed.fingerprint};
    implementation_->database().write([&](Session& session) {
        images::insert_key_pair(session, {.id = imported.id,
                                          .owner = caller.account,
                                          .region = caller.region,
                                          .name = name,
                                          .type = type_name(parsed.type),
                                          .fingerprint = parsed.fingerprint,
                                          .public_key = parsed.openssh,
                                          .created = implementation_->now()});
        images::set_tags(session, caller.scope(), imported.id.str(), tags);
        caller.stop_if_dry_run();
    });
    return imported;
}

void Launcher::delete_key_pair(const images::Caller& caller, const std::string& name) {
    implementation_->database().write([&](Session& session) {
        const auto key_pair = images::find_key_pair(session, caller.scope(), name);
        if (key_pair) {
            images::delete_all_tags(session, key_pair->id.str());
            images::delete_key_pair(session, key_pair->id);
        }
        caller.stop_if_dry_run();
    });
}

}  // namespace kiln::launcher
