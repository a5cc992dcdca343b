#include "hypervisor/domain/domain_xml.hpp"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <sstream>

#include "base/error.hpp"
#include "hypervisor/domain/encryption_xml.hpp"

namespace kiln::hypervisor {

namespace {

/// What QEMU may keep of translated guest code. Its own default is an eighth of the host's memory
/// for each guest.
constexpr int tcg_translation_cache_mib = 256;

/// XML 1.0 has no way to write most control characters, and libvirt refuses a title with a line
/// break: each becomes a space.
std::string printable(const std::string& text) {
    std::string result = text;
    for (char& c : result) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return result;
}

pugi::xml_node add_text(pugi::xml_node parent, const char* name, const std::string& text) {
    pugi::xml_node node = parent.append_child(name);
    node.text().set(printable(text).c_str());
    return node;
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
    node.append_attribute(name).set_value(printable(value).c_str());
}

bool is_x86(const DomainSpec& spec) {
    return spec.architecture != GuestArchitecture::aarch64;
}

const char* libvirt_architecture(GuestArchitecture architecture) {
    switch (architecture) {
        case GuestArchitecture::i386:
            return "i686";
        case GuestArchitecture::x86_64:
            return "x86_64";
        case GuestArchitecture::aarch64:
            return "aarch64";
    }
    throw Error(error_code::internal_error, "", "unknown guest architecture");
}

void add_identity(pugi::xml_node domain, const DomainSpec& spec) {
    add_text(domain, "name", spec.name);
    add_text(domain, "uuid", spec.uuid);
    if (!spec.title.empty()) add_text(domain, "title", spec.title);
}

void add_metadata(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node guest = domain.append_child("metadata").append_child("kiln:guest");
    set(guest, "xmlns:kiln", metadata_namespace);
    set(guest, "catalog", spec.catalog_id);
}

void add_size(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node memory = add_text(domain, "memory", fmt::format("{}", spec.memory.value / 1024));
    set(memory, "unit", "KiB");
    add_text(domain, "vcpu", fmt::format("{}", spec.vcpus));
}

/// cloud-init's Ec2 data source looks for a system uuid and serial that are the same.
void add_sysinfo(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node sysinfo = domain.append_child("sysinfo");
    set(sysinfo, "type", "smbios");
    pugi::xml_node system = sysinfo.append_child("system");
    set(add_text(system, "entry", spec.uuid), "name", "serial");
    set(add_text(system, "entry", spec.uuid), "name", "uuid");
}

void add_firmware(pugi::xml_node os, const DomainSpec& spec) {
    if (!spec.uefi) return;
    pugi::xml_node loader = add_text(os, "loader", spec.uefi->code.string());
    set(loader, "readonly", "yes");
    set(loader, "type", "pflash");
    add_text(os, "nvram", spec.uefi->variables.string());
}

void add_direct_kernel(pugi::xml_node os, const DomainSpec& spec) {
    if (!spec.kernel) return;
    add_text(os, "kernel", spec.kernel->string());
    if (spec.ramdisk) add_text(os, "initrd", spec.ramdisk->string());
    if (!spec.kernel_arguments.empty()) add_text(os, "cmdline", spec.kernel_arguments);
}

void add_os(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node os = domain.append_child("os");
    pugi::xml_node type = add_text(os, "type", "hvm");
    set(type, "arch", libvirt_architecture(spec.architecture));
    set(type, "machine", is_x86(spec) ? "q35" : "virt");
    add_firmware(os, spec);
    add_direct_kernel(os, spec);
    if (!spec.kernel) set(os.append_child("boot"), "dev", "hd");
    set(os.append_child("smbios"), "mode", "sysinfo");
}

void add_features(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node features = domain.append_child("features");
    // The virt machine of aarch64 has ACPI tables only with UEFI.
    if (is_x86(spec) || spec.uefi) features.append_child("acpi");
    if (is_x86(spec)) features.append_child("apic");
    if (spec.accelerator == Accelerator::tcg) {
        pugi::xml_node cache = add_text(features.append_child("tcg"), "tb-cache",
                                        std::to_string(tcg_translation_cache_mib));
        set(cache, "unit", "MiB");
    }
}

void add_cpu(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node cpu = domain.append_child("cpu");
    if (spec.accelerator == Accelerator::kvm) {
        set(cpu, "mode", "host-passthrough");
    } else if (is_x86(spec)) {
        set(cpu, "mode", "maximum");
    } else {
        // "maximum" means emulated pointer authentication, which takes most of the time.
        set(cpu, "mode", "custom");
        add_text(cpu, "model", "cortex-a72");
    }
}

void add_timer(pugi::xml_node clock, const char* name, const char* attribute, const char* value) {
    pugi::xml_node timer = clock.append_child("timer");
    set(timer, "name", name);
    set(timer, attribute, value);
}

/// As virt-install has it: a busy host's late ticks are not lost, and there is no HPET, which
/// guests would prefer and which costs the most to emulate.
void add_clock(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node clock = domain.append_child("clock");
    set(clock, "offset", "utc");
    if (!is_x86(spec)) return;
    add_timer(clock, "rtc", "tickpolicy", "catchup");
    add_timer(clock, "pit", "tickpolicy", "delay");
    add_timer(clock, "hpet", "present", "no");
}

/// A guest must not put itself to sleep: nobody would wake it.
void add_power(pugi::xml_node domain, const DomainSpec& spec) {
    add_text(domain, "on_poweroff", "destroy");
    add_text(domain, "on_reboot", "restart");
    add_text(domain, "on_crash", "destroy");
    if (!is_x86(spec)) return;
    pugi::xml_node sleep = domain.append_child("pm");
    set(sleep.append_child("suspend-to-mem"), "enabled", "no");
    set(sleep.append_child("suspend-to-disk"), "enabled", "no");
}

/// Frozen layers are shared by many guests: libvirt must not change their owner.
void keep_owner(pugi::xml_node source) {
    pugi::xml_node label = source.append_child("seclabel");
    set(label, "model", "dac");
    set(label, "relabel", "no");
}

pugi::xml_node add_source(pugi::xml_node parent, const DiskFile& file) {
    pugi::xml_node source = parent.append_child("source");
    set(source, "file", file.path.string());
    if (!file.key_id.empty()) add_luks(source, file.key_id);
    return source;
}

/// The files behind the top, each inside the one that it backs; the empty element at the end tells
/// libvirt that nothing follows.
void add_backing_chain(pugi::xml_node disk, const DiskSpec& spec) {
    pugi::xml_node parent = disk;
    for (std::size_t i = 1; i < spec.chain.size(); ++i) {
        pugi::xml_node backing = parent.append_child("backingStore");
        set(backing, "type", "file");
        set(backing.append_child("format"), "type", "qcow2");
        keep_owner(add_source(backing, spec.chain[i]));
        parent = backing;
    }
    parent.append_child("backingStore");
}

void add_disk_driver(pugi::xml_node disk, const DiskSpec& spec) {
    pugi::xml_node driver = disk.append_child("driver");
    set(driver, "name", "qemu");
    set(driver, "type", spec.format == DiskFormat::raw ? "raw" : "qcow2");
    set(driver, "cache", spec.cache == DiskCache::none ? "none" : "writeback");
    set(driver, "error_policy", "enospace");
    set(driver, "discard", "unmap");
}

void check_chain(const DiskSpec& spec) {
    if (spec.chain.empty()) {
        throw Error(error_code::internal_error, spec.target,
                    fmt::format("disk '{}' has no file", spec.target));
    }
    if (spec.format == DiskFormat::raw && !spec.chain.front().key_id.empty()) {
        throw Error(error_code::internal_error, spec.target,
                    fmt::format("disk '{}' is raw: only qcow2 files are encrypted", spec.target));
    }
}

void add_disk(pugi::xml_node devices, const DiskSpec& spec) {
    check_chain(spec);
    pugi::xml_node disk = devices.append_child("disk");
    set(disk, "type", "file");
    set(disk, "device", "disk");
    add_disk_driver(disk, spec);
    add_source(disk, spec.chain.front());
    add_backing_chain(disk, spec);
    pugi::xml_node target = disk.append_child("target");
    set(target, "dev", spec.target);
    set(target, "bus", "virtio");
    if (spec.read_only) disk.append_child("readonly");
    if (!spec.serial.empty()) add_text(disk, "serial", spec.serial);
}

/// An isolated port: what it sends reaches the host alone, which decides where it may go.
void add_port(pugi::xml_node interface, const NetworkPort& port) {
    set(interface.append_child("source"), "network", port.network);
    set(interface.append_child("target"), "dev", port.device);
    set(interface.append_child("port"), "isolated", "yes");
}

void add_interface(pugi::xml_node devices, const InterfaceSpec& spec) {
    pugi::xml_node interface = devices.append_child("interface");
    set(interface, "type", spec.port ? "network" : "user");
    set(interface.append_child("mac"), "address", spec.mac_address);
    if (spec.port) add_port(interface, *spec.port);
    set(interface.append_child("model"), "type", "virtio");
    // Without its boot ROM: no guest boots from this network, and the ROM waits for a key.
    set(interface.append_child("rom"), "enabled", "no");
}

void add_serial_console(pugi::xml_node devices, const DomainSpec& spec) {
    pugi::xml_node serial = devices.append_child("serial");
    set(serial, "type", "pty");
    if (!spec.console_log.empty()) {
        pugi::xml_node log = serial.append_child("log");
        set(log, "file", spec.console_log.string());
        set(log, "append", "on");
    }
    set(serial.append_child("target"), "port", "0");
}

void add_guest_agent(pugi::xml_node devices) {
    pugi::xml_node channel = devices.append_child("channel");
    set(channel, "type", "unix");
    pugi::xml_node target = channel.append_child("target");
    set(target, "type", "virtio");
    set(target, "name", "org.qemu.guest_agent.0");
}

void add_random_source(pugi::xml_node devices) {
    pugi::xml_node rng = devices.append_child("rng");
    set(rng, "model", "virtio");
    set(add_text(rng, "backend", "/dev/urandom"), "model", "random");
}

/// There is a screen to take pictures of, but no server that shows it.
void add_screen(pugi::xml_node devices, const DomainSpec& spec) {
    set(devices.append_child("video").append_child("model"), "type",
        is_x86(spec) ? "vga" : "virtio");
}

/// Devices that libvirt would add by itself and that only make the boot longer.
void leave_out_default_devices(pugi::xml_node devices) {
    pugi::xml_node usb = devices.append_child("controller");
    set(usb, "type", "usb");
    set(usb, "model", "none");
    set(devices.append_child("memballoon"), "model", "none");
}

/// Each PCI Express device needs a root port of its own, and those exist from the start or never:
/// libvirt makes as many as it needs, so that spare ones must be counted on top of them.
void add_root_ports(pugi::xml_node devices, const DomainSpec& spec) {
    if (spec.spare_disk_slots == 0) return;
    constexpr std::size_t controller_of_agent_and_random_source = 2;
    const std::size_t screens = is_x86(spec) ? 0 : 1;
    const std::size_t ports = spec.disks.size() + spec.interfaces.size() +
                              controller_of_agent_and_random_source + screens +
                              spec.spare_disk_slots;
    for (std::size_t index = 1; index <= ports; ++index) {
        pugi::xml_node port = devices.append_child("controller");
        set(port, "type", "pci");
        set(port, "index", std::to_string(index));
        set(port, "model", "pcie-root-port");
    }
}

/// libvirt's DAC driver. A + keeps it from looking for a user whose name is the number.
void add_user(pugi::xml_node domain, const DomainSpec& spec) {
    if (!spec.user) return;
    pugi::xml_node label = domain.append_child("seclabel");
    set(label, "type", "static");
    set(label, "model", "dac");
    set(label, "relabel", "yes");
    add_text(label, "label", fmt::format("+{}:+{}", spec.user->uid, spec.user->gid));
}

std::string to_text(const pugi::xml_document& document) {
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text.str();
}

void add_devices(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node devices = domain.append_child("devices");
    add_root_ports(devices, spec);
    for (const DiskSpec& disk : spec.disks)
        add_disk(devices, disk);
    for (const InterfaceSpec& interface : spec.interfaces)
        add_interface(devices, interface);
    add_serial_console(devices, spec);
    add_guest_agent(devices);
    add_random_source(devices);
    add_screen(devices, spec);
    leave_out_default_devices(devices);
}

}  // namespace

std::string domain_xml(const DomainSpec& spec) {
    pugi::xml_document document;
    pugi::xml_node domain = document.append_child("domain");
    set(domain, "type", spec.accelerator == Accelerator::kvm ? "kvm" : "qemu");
    add_identity(domain, spec);
    add_metadata(domain, spec);
    add_size(domain, spec);
    add_sysinfo(domain, spec);
    add_os(domain, spec);
    add_features(domain, spec);
    add_cpu(domain, spec);
    add_clock(domain, spec);
    add_power(domain, spec);
    add_devices(domain, spec);
    add_user(domain, spec);
    return to_text(document);
}

std::string disk_xml(const DiskSpec& spec) {
    pugi::xml_document document;
    add_disk(document, spec);
    return to_text(document);
}

}  // namespace kiln::hypervisor
