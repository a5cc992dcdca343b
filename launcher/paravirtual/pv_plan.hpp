#pragma once

#include <string>
#include <vector>

#include "hypervisor/domain/domain_spec.hpp"
#include "images/catalog/instance.hpp"
#include "launcher/instances/instance_rows.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

bool is_paravirtual(const images::Instance& instance);

/// What of the host's memory an instance of the type takes: a paravirtual one runs in an appliance,
/// which needs some for itself.
Bytes memory_of_machine(const InstanceType& type, images::VirtualizationType virtualization_type);

/// The machine that runs a paravirtual guest of the type: an appliance, a virtual machine in which
/// Xen runs the guest. It has no name, no disks and no card yet.
hypervisor::DomainSpec appliance_machine(const InstanceType& type,
                                         hypervisor::Accelerator accelerator);

/// A disk of the guest, which is plugged into its appliance.
struct PvDisk {
    std::string serial;
    std::string name;  // the guest's: "xvda"
    bool read_only = false;
};
/// The instance's volumes in the order in which the guest sees them. The root is xvda, which is
/// PV-GRUB's hd0; others are named as their mappings are: /dev/sdf is xvdf.
std::vector<PvDisk> pv_disks(const InstanceWithVolumes& instance);
/// That of user networking's seed, which has this serial number.
PvDisk pv_seed(const std::string& serial);

/// What the appliance's `kiln-pv start` reads (builder/steps/files/appliance/kiln-pv).
struct PvGuest {
    const images::Instance& instance;
    const InstanceType& type;
    std::vector<PvDisk> disks;
    std::string mac_address;
    Time now;
};
/// Throws Error{UnsupportedOperation} when the instance's kernel is none of kiln's.
std::string describe(const PvGuest& guest);

}  // namespace kiln::launcher
