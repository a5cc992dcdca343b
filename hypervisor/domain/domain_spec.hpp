#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace kiln::hypervisor {

enum class GuestArchitecture { i386, x86_64, aarch64 };
enum class Accelerator { kvm, tcg };
enum class Firmware { bios, uefi };
enum class DiskFormat { raw, qcow2 };
/// How a guest sees its disks, and its network cards: what its system has drivers for.
enum class DiskBus { virtio, sata };
enum class CardModel { virtio, e1000e, vmxnet3 };
/// How QEMU uses the host's page cache: none bypasses it (O_DIRECT), so that a flush has nothing
/// old to write; writeback is for file systems that cannot.
enum class DiskCache { none, writeback };

/// A user and their one group, as numbers: neither needs a name on the host.
struct ProcessUser {
    uid_t uid = 0;
    gid_t gid = 0;

    friend bool operator==(const ProcessUser&, const ProcessUser&) = default;
};

struct DiskFile {
    std::filesystem::path path;
    /// The secret (Hypervisor::define_secret) with the passphrase of a qcow2 file that is encrypted
    /// with LUKS; empty: it is in clear.
    std::string key_id = {};

    friend bool operator==(const DiskFile&, const DiskFile&) = default;
};

struct DiskSpec {
    std::string target;  // the device in the domain: "vda"
    std::string serial;  // at most 20 characters are seen by a virtio guest; empty: none
    /// The file and what backs it, top first. All are qcow2, or the one file is raw. libvirt is
    /// told the whole chain, so that nothing is ever probed. While the guest runs, libvirt gives
    /// the first file to QEMU's user; the others keep their owner and must be readable by it.
    std::vector<DiskFile> chain;
    DiskFormat format = DiskFormat::qcow2;
    DiskCache cache = DiskCache::none;
    bool read_only = false;
    DiskBus bus = DiskBus::virtio;
    /// libvirt leaves the first file's owner alone, too: QEMU's user can read it as it is.
    bool keeps_owner = false;
};

/// A port of a network that was applied (Hypervisor::apply_network).
struct NetworkPort {
    std::string network;  // NetworkSpec::name
    std::string device;   // PortSpec::device
};

/// A network card.
struct InterfaceSpec {
    std::string mac_address;
    /// Absent: user-mode networking; forwards are added while the guest runs
    /// (Hypervisor::forward_port).
    std::optional<NetworkPort> port = {};
    CardModel model = CardModel::virtio;
};

struct UefiSpec {
    std::filesystem::path code;       // read-only firmware
    std::filesystem::path variables;  // this guest's own copy of the variable store
    /// The firmware may change the variables alone, and only in system management mode: what Secure
    /// Boot on x86 stands on.
    bool protects_variables = false;
};

/// What a kind of operating system expects of a machine besides the architecture.
struct GuestProfile {
    bool hyperv = false;         // Hyper-V's enlightenments and clock; only with KVM
    bool local_time = false;     // its clock chip shows local time
    bool has_usb_input = false;  // a USB keyboard and tablet
    /// The key of the AppleSMC device, which macOS asks for; empty: there is none.
    std::string smc_key = {};
};

/// All that makes a domain. Plain values: the hypervisor knows nothing of images or instances.
struct DomainSpec {
    std::string name;
    std::string uuid;
    std::string title;       // free text, shown by `virsh list --title`
    std::string catalog_id;  // whose guest it is, kept in the domain's metadata
    GuestArchitecture architecture = GuestArchitecture::x86_64;
    Accelerator accelerator = Accelerator::tcg;
    std::uint32_t vcpus = 1;
    Bytes memory;
    /// Its share of the host's processors beside other domains, 2 to 10,000, where the host can
    /// weigh them; absent: libvirt's own.
    std::optional<std::uint32_t> cpu_weight = {};
    std::optional<UefiSpec> uefi;  // absent: BIOS
    bool has_tpm = false;          // 2.0, emulated; its state is kept until Hypervisor::remove_tpm
    GuestProfile profile = {};
    /// CPUID features that the processor is to be without: "smap".
    std::vector<std::string> processor_without = {};
    /// Direct boot; absent: the disk's own boot loader.
    std::optional<std::filesystem::path> kernel;
    std::optional<std::filesystem::path> ramdisk;
    std::string kernel_arguments;
    std::vector<DiskSpec> disks;  // in the order in which the guest sees them
    std::vector<InterfaceSpec> interfaces;
    /// How many disks can be plugged in while the guest runs.
    std::uint32_t spare_disk_slots = 0;
    /// Whom QEMU runs as, and whom libvirt gives the disks and other files to meanwhile; absent:
    /// Hypervisor::qemu_user.
    std::optional<ProcessUser> user = {};
    std::filesystem::path console_log;  // what the first serial port says is appended here
};

}  // namespace kiln::hypervisor
