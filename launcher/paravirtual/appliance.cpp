#include "launcher/paravirtual/appliance.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "hypervisor/domain/domain_xml.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/accounts/organization.hpp"
#include "images/catalog/snapshot.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

namespace {

constexpr std::size_t digits_of_hash = 12;

std::string hash_of(const std::string& text) {
    return sha256_hex(text).substr(0, digits_of_hash);
}

/// Under KVM the guest has seen the host's own processor.
std::string processor_of(const hypervisor::DomainSpec& machine) {
    if (machine.accelerator != hypervisor::Accelerator::kvm) return "";
    std::string words;
    for (const std::string& line : split(read_file("/proc/cpuinfo"), '\n')) {
        if (line.empty()) break;  // the others are alike
        if (!line.starts_with("cpu MHz") && !line.starts_with("bogomips")) words += line + '\n';
    }
    return words;
}

const SnapshotId& root_snapshot(const images::Image& image) {
    const images::ImageBlockDevice* root = images::root_device(image);
    if (root != nullptr && root->snapshot) return *root->snapshot;
    throw Error(error_code::internal_error, image.id.str(),
                fmt::format("the appliance '{}' has no root", image.id.str()));
}

}  // namespace

Appliance appliance_for(Session& session, const Region& region, const AccountId& account,
                        hypervisor::DomainSpec machine) {
    const auto organization = images::find_organization(session);
    auto image = images::find_image_for(session, {.owner = account, .region = region.name},
                                        organization ? organization->management_account : account,
                                        images::pv_appliance);
    if (image) {
        const auto snapshot = images::find_snapshot(session, root_snapshot(*image)).value();
        return {.region = region,
                .image = *std::move(image),
                .layer = snapshot.layer.value(),
                .machine = std::move(machine)};
    }
    throw Error(
        error_code::unsupported_operation, "",
        "paravirtual guests run in an appliance, and there is none in this region that "
        "the account may launch: build one (`kiln build pv-appliance --name pv-appliance`), "
        "or have the administrator share theirs");
}

std::string key_of(const Appliance& appliance) {
    return fmt::format(
        "{}.{}.{}", appliance.layer.str(), hash_of(appliance.region.hypervisor.host_versions()),
        hash_of(hypervisor::domain_xml(appliance.machine) + processor_of(appliance.machine) +
                appliance.region.name + appliance.image.owner.str()));
}

std::optional<ApplianceKey> parse_appliance_key(const std::string& text) {
    const std::vector<std::string> words = split(text, '.');
    if (words.size() != 3) return std::nullopt;
    try {
        return ApplianceKey{.layer = LayerId(words[0]), .versions = words[1], .kind = words[2]};
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::string hash_of(const hypervisor::HostVersions& versions) {
    return hash_of(versions.qemu + " " + versions.libvirt);
}

}  // namespace kiln::launcher
