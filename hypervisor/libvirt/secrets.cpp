#include "hypervisor/libvirt/secrets.hpp"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <memory>
#include <pugixml.hpp>
#include <sstream>

#include "hypervisor/libvirt/handles.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

SecretPtr find_secret(virConnectPtr connection, const std::string& id) {
    SecretPtr secret(virSecretLookupByUUIDString(connection, id.c_str()));
    if (secret || last_libvirt_code() == VIR_ERR_NO_SECRET) return secret;
    throw last_libvirt_error(fmt::format("find the secret '{}'", id), id);
}

/// nullopt when it was defined and has got no value yet.
std::optional<std::string> value_of(virSecretPtr secret, const std::string& id) {
    std::size_t size = 0;
    const std::unique_ptr<unsigned char, Deleter<std::free>> value(
        virSecretGetValue(secret, &size, 0));
    if (value) return std::string(value.get(), value.get() + size);
    if (last_libvirt_code() == VIR_ERR_NO_SECRET) return std::nullopt;
    throw last_libvirt_error(fmt::format("read the secret '{}'", id), id);
}

void set_value(virSecretPtr secret, const Secret& wanted) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(wanted.passphrase.data());
    if (virSecretSetValue(secret, bytes, wanted.passphrase.size(), 0) == 0) return;
    throw last_libvirt_error(fmt::format("keep the secret '{}'", wanted.id), wanted.id);
}

}  // namespace

std::string secret_xml(const Secret& secret) {
    pugi::xml_document document;
    pugi::xml_node root = document.append_child("secret");
    root.append_attribute("ephemeral").set_value("no");
    root.append_attribute("private").set_value("no");
    root.append_child("uuid").text().set(secret.id.c_str());
    root.append_child("description").text().set(secret.description.c_str());
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text.str();
}

void define_secret(virConnectPtr connection, const Secret& secret) {
    const auto present = secret_passphrase(connection, secret.id);
    if (present == secret.passphrase) return;
    if (present) {
        throw Error(error_code::internal_error, secret.id,
                    fmt::format("libvirt keeps another passphrase as the secret '{}': use a new id",
                                secret.id));
    }
    const SecretPtr defined(virSecretDefineXML(connection, secret_xml(secret).c_str(), 0));
    if (!defined) {
        throw last_libvirt_error(fmt::format("define the secret '{}'", secret.id), secret.id);
    }
    set_value(defined.get(), secret);
}

std::optional<std::string> secret_passphrase(virConnectPtr connection, const std::string& id) {
    const SecretPtr secret = find_secret(connection, id);
    if (!secret) return std::nullopt;
    return value_of(secret.get(), id);
}

void remove_secret(virConnectPtr connection, const std::string& id) {
    const SecretPtr secret = find_secret(connection, id);
    if (!secret || virSecretUndefine(secret.get()) == 0) return;
    if (last_libvirt_code() == VIR_ERR_NO_SECRET) return;
    throw last_libvirt_error(fmt::format("remove the secret '{}'", id), id);
}

}  // namespace kiln::hypervisor
