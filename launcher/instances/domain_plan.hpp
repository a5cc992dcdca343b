#pragma once

#include <optional>
#include <string>

#include "hypervisor/accelerator/accelerator.hpp"
#include "hypervisor/domain/domain_spec.hpp"
#include "launcher/instances/instance_files.hpp"
#include "launcher/instances/instance_rows.hpp"

namespace kiln {
class Database;
struct Settings;
}  // namespace kiln
namespace kiln::hypervisor {
class Hypervisor;
}

namespace kiln::launcher {

class GuestProfiles;
class GuestUsers;
class InstanceTypes;
class Networks;
class Regions;
struct Region;

/// What turns an instance into a domain: the same for all instances of a service.
struct DomainPlanner {
    Database& database;
    const Settings& settings;
    const Regions& regions;
    Networks& networks;
    const InstanceFiles& files;
    const GuestUsers& users;
    const InstanceTypes& types;
    const GuestProfiles& profiles;
    std::string catalog_id;
    const hypervisor::Accelerators& accelerators;

    /// The domain of the instance as the catalog describes it now. Throws when the instance's type
    /// or a layer of its volumes is gone, and when the host cannot run its architecture.
    hypervisor::DomainSpec plan(const InstanceWithVolumes& described) const;
    /// The instance's port of its region's network; nullopt: it gets user networking and a seed
    /// disk.
    std::optional<hypervisor::InterfaceSpec> bridged_card(const images::Instance& instance) const;
    /// The disk of one volume, without a target. Throws as plan() does.
    hypervisor::DiskSpec disk(const images::Volume& volume) const;
};

/// The serial number of a volume's disk: the volume id without its dash, as on EC2's Nitro, since a
/// guest sees 20 characters of it.
std::string serial_of(const VolumeId& id);
/// Whether a guest has the volume's disk now. Asks libvirt.
bool guest_has(hypervisor::Hypervisor& hypervisor, const images::Volume& volume);

/// The volumes in the order in which the guest sees them: the root first, then by device name. The
/// n-th is the domain's disk vda, vdb, …
std::vector<const images::Volume*> volumes_in_guest_order(const InstanceWithVolumes& instance);

}  // namespace kiln::launcher
