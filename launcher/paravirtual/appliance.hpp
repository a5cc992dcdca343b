#pragma once

#include <optional>
#include <string>

#include "hypervisor/domain/domain_spec.hpp"
#include "images/catalog/image.hpp"

namespace kiln {
class Session;
}

namespace kiln::hypervisor {
struct HostVersions;
}

namespace kiln::launcher {

struct Region;

/// What guests of a kind begin in: an image of the purpose pv_appliance, in a size of machine.
struct Appliance {
    const Region& region;
    images::Image image;
    LayerId layer;                   // of the image's root
    hypervisor::DomainSpec machine;  // without a name, disks and a card
};

/// The appliance for guests of the account in the region; see images::find_image_for. Throws
/// Error{UnsupportedOperation} that says how to build one.
Appliance appliance_for(Session& session, const Region& region, const AccountId& account,
                        hypervisor::DomainSpec machine);

/// What is made of an appliance has a name of three words: the layer, then hashes of the host's
/// versions and of the machine, the region and the image's owner, as whom its QEMU runs.
struct ApplianceKey {
    LayerId layer;
    std::string versions;
    std::string kind;
};
/// Asks libvirt for its version.
std::string key_of(const Appliance& appliance);
/// nullopt: the text is no key.
std::optional<ApplianceKey> parse_appliance_key(const std::string& text);
/// ApplianceKey::versions of a host.
std::string hash_of(const hypervisor::HostVersions& versions);

}  // namespace kiln::launcher
