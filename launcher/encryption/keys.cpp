#include "launcher/encryption/keys.hpp"

#include <fmt/format.h>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/encryption_key.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

namespace {

using images::EncryptionKey;

constexpr std::string_view account_key_alias = "alias/aws/ebs";

std::optional<EncryptionKey> find_key(Database& database, const images::Scope& scope) {
    return database.read(
        [&](Session& session) { return images::find_encryption_key(session, scope); });
}

/// "arn:aws:kms:REGION:ACCOUNT:key/ID" and "arn:aws:kms:REGION:ACCOUNT:alias/NAME" without what is
/// as it must be.
std::string_view without_arn(std::string_view key, const images::Caller& caller) {
    const std::string prefix =
        fmt::format("arn:aws:kms:{}:{}:", caller.region, caller.account.str());
    if (!key.starts_with(prefix)) return key;
    key.remove_prefix(prefix.size());
    constexpr std::string_view kind = "key/";
    if (key.starts_with(kind)) key.remove_prefix(kind.size());
    return key;
}

/// False when libvirt does not have it and nothing needs it. Throws as layer_key() when it is
/// needed.
bool can_be_used(Database& database, const Region& region, const EncryptionKey& key) {
    if (region.hypervisor.secret_passphrase(key.id)) return true;
    const bool is_needed =
        database.read([&](Session& session) { return images::is_used(session, key); });
    if (is_needed) layer_key(region, key.id);
    return false;
}

}  // namespace

void check_encryption(Database& database, const images::Caller& caller,
                      const EncryptionRequest& request) {
    if (request.kms_key_id.empty()) return;
    if (!request.encrypted.value_or(false)) {
        throw Error("InvalidParameterDependency", "KmsKeyId",
                    "The parameter KmsKeyId requires the parameter Encrypted to be set.");
    }
    const std::string_view name = without_arn(request.kms_key_id, caller);
    if (name == account_key_alias) return;
    const auto own = find_key(database, caller.scope());
    if (own && own->id == name) return;
    throw Error(error_code::invalid_parameter_value, request.kms_key_id,
                fmt::format("The key '{}' is not known in {}: each account has one key of a "
                            "region, {}. Leave KmsKeyId out, or name that.",
                            request.kms_key_id, caller.region, account_key_alias));
}

std::optional<std::string> account_key(Database& database, const Region& region,
                                       const images::Caller& caller, Time now) {
    const std::lock_guard making(*region.making_key);
    const auto known = find_key(database, caller.scope());
    if (known && (caller.dry_run || can_be_used(database, region, *known))) return known->id;
    if (caller.dry_run) return std::nullopt;
    const images::LayerKey made = images::generate_layer_key();
    // The row first: what is cut off here is a key that libvirt does not have and nothing uses.
    database.write([&](Session& session) {
        if (known) images::delete_encryption_key(session, known->id);
        images::insert_encryption_key(
            session,
            {.id = made.id, .owner = caller.account, .region = region.name, .created = now});
    });
    region.hypervisor.define_secret(
        {.id = made.id,
         .description = fmt::format("kiln: volumes of account {} in region {}",
                                    caller.account.str(), region.name),
         .passphrase = made.passphrase});
    return made.id;
}

std::optional<std::string> needed_key(const std::optional<std::string>& own_key,
                                      const images::Caller& caller) {
    if (own_key || caller.dry_run) return own_key;
    throw Error(error_code::unavailable, "Encrypted",
                "what is to be encrypted became available just now: send the request again");
}

std::optional<images::LayerKey> layer_key(const Region& region,
                                          const std::optional<std::string>& key_id) {
    if (!key_id) return std::nullopt;
    auto passphrase = region.hypervisor.secret_passphrase(*key_id);
    if (passphrase) return images::LayerKey{.id = *key_id, .passphrase = *std::move(passphrase)};
    throw Error(error_code::internal_error, *key_id,
                fmt::format("libvirt ({}) does not have the key '{}' of an encrypted volume: bring "
                            "the secret back from a backup with 'virsh secret-define' and 'virsh "
                            "secret-set-value'",
                            region.libvirt_uri, *key_id));
}

void remove_keys(const Region& region, const std::vector<std::string>& key_ids) {
    for (const std::string& id : key_ids) {
        try {
            region.pool.forget_key(id);
            region.hypervisor.remove_secret(id);
        } catch (const Error& error) {
            log::warn("the secret {} of the deleted region {} stays with libvirt: {}", id,
                      region.name, error.what());
        }
    }
}

}  // namespace kiln::launcher
