#include "hypervisor/domain/domain_xml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <pugixml.hpp>
#include <sstream>

#include "hypervisor/domain/architecture.hpp"
#include "hypervisor/domain/disk_xml.hpp"
#include "hypervisor/domain/xml_text.hpp"

namespace kiln::hypervisor {

namespace {

/// What QEMU may keep of translated guest code. Its own default is an eighth of the host's memory
/// for each guest.
constexpr int tcg_translation_cache_mib = 256;

/// Of Arm's interrupt controller GICv2, which libvirt gives emulated guests unless it is told.
constexpr std::uint32_t most_vcpus_of_gic2 = 8;

bool is_x86(const DomainSpec& spec) {
    return is_x86(spec.architecture);
}

/// QEMU knows Hyper-V's features with KVM alone.
bool has_hyperv(const DomainSpec& spec) {
    return spec.profile.hyperv && spec.accelerator == Accelerator::kvm;
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
    if (spec.uefi->protects_variables) set(loader, "secure", "yes");
    add_text(os, "nvram", spec.uefi->variables.string());
}

void add_direct_kernel(pugi::xml_node os, const DomainSpec& spec) {
    if (!spec.kernel) return;
    add_text(os, "kernel", spec.kernel->string());
    if (spec.ramdisk) add_text(os, "initrd", spec.ramdisk->string());
    if (!spec.kernel_arguments.empty()) add_text(os, "cmdline", spec.kernel_arguments);
}

/// Arm's firmware waits five seconds for a key unless it is told not to.
void leave_out_boot_menu(pugi::xml_node os) {
    pugi::xml_node menu = os.append_child("bootmenu");
    set(menu, "enable", "yes");
    set(menu, "timeout", "0");
}

void add_os(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node os = domain.append_child("os");
    pugi::xml_node type = add_text(os, "type", "hvm");
    set(type, "arch", libvirt_name(spec.architecture));
    set(type, "machine", is_x86(spec) ? "q35" : "virt");
    add_firmware(os, spec);
    add_direct_kernel(os, spec);
    if (!spec.kernel) set(os.append_child("boot"), "dev", "hd");
    if (spec.uefi) leave_out_boot_menu(os);
    set(os.append_child("smbios"), "mode", "sysinfo");
}

void add_hyperv(pugi::xml_node features) {
    pugi::xml_node hyperv = features.append_child("hyperv");
    set(hyperv, "mode", "custom");
    for (const char* name : {"relaxed", "vapic"})
        set(hyperv.append_child(name), "state", "on");
    pugi::xml_node spinlocks = hyperv.append_child("spinlocks");
    set(spinlocks, "state", "on");
    set(spinlocks, "retries", "8191");
    for (const char* name : {"vpindex", "runtime", "synic", "stimer", "frequencies"})
        set(hyperv.append_child(name), "state", "on");
}

void add_interrupt_controller(pugi::xml_node features, const DomainSpec& spec) {
    if (is_x86(spec)) features.append_child("apic");
    if (!is_x86(spec) && spec.accelerator == Accelerator::tcg && spec.vcpus > most_vcpus_of_gic2)
        set(features.append_child("gic"), "version", "3");
}

void add_features(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node features = domain.append_child("features");
    // The virt machine of aarch64 has ACPI tables only with UEFI.
    if (is_x86(spec) || spec.uefi) features.append_child("acpi");
    add_interrupt_controller(features, spec);
    if (has_hyperv(spec)) add_hyperv(features);
    if (spec.uefi && spec.uefi->protects_variables)
        set(features.append_child("smm"), "state", "on");
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
    } else {
        set(cpu, "mode", "maximum");
    }
    for (const std::string& name : spec.processor_without) {
        pugi::xml_node feature = cpu.append_child("feature");
        set(feature, "policy", "disable");
        set(feature, "name", name);
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
    set(clock, "offset", spec.profile.local_time ? "localtime" : "utc");
    if (!is_x86(spec)) return;
    add_timer(clock, "rtc", "tickpolicy", "catchup");
    add_timer(clock, "pit", "tickpolicy", "delay");
    add_timer(clock, "hpet", "present", "no");
    if (has_hyperv(spec)) add_timer(clock, "hypervclock", "present", "yes");
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

const char* name_of(CardModel model) {
    switch (model) {
        case CardModel::virtio:
            return "virtio";
        case CardModel::e1000e:
            return "e1000e";
        case CardModel::vmxnet3:
            return "vmxnet3";
    }
    return "";
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
    set(interface.append_child("model"), "type", name_of(spec.model));
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

/// swtpm's state stays when the domain goes.
void add_tpm(pugi::xml_node devices, const DomainSpec& spec) {
    if (!spec.has_tpm) return;
    pugi::xml_node tpm = devices.append_child("tpm");
    set(tpm, "model", is_x86(spec) ? "tpm-crb" : "tpm-tis");
    pugi::xml_node backend = tpm.append_child("backend");
    set(backend, "type", "emulator");
    set(backend, "version", "2.0");
    set(backend, "persistent_state", "yes");
}

void add_usb(pugi::xml_node devices, const DomainSpec& spec) {
    pugi::xml_node controller = devices.append_child("controller");
    set(controller, "type", "usb");
    // libvirt would add one by itself, which only makes the boot longer.
    set(controller, "model", spec.profile.has_usb_input ? "qemu-xhci" : "none");
    if (!spec.profile.has_usb_input) return;
    for (const char* type : {"tablet", "keyboard"}) {
        pugi::xml_node input = devices.append_child("input");
        set(input, "type", type);
        set(input, "bus", "usb");
    }
}

/// So would it add a balloon.
void leave_out_balloon(pugi::xml_node devices) {
    set(devices.append_child("memballoon"), "model", "none");
}

std::vector<std::string> smc_arguments(const DomainSpec& spec) {
    if (spec.profile.smc_key.empty()) return {};
    std::string key;
    for (const char c : spec.profile.smc_key)
        key += c == ',' ? ",," : std::string{c};
    return {"-device", "isa-applesmc,osk=" + key};
}

/// What QEMU's best Arm processor emulates at the price of most of the time, or (lpa2) so that
/// older kernels do not boot. Its lesser models have kernels keep page tables apart, which costs as
/// much.
std::vector<std::string> arm_arguments(const DomainSpec& spec) {
    if (is_x86(spec) || spec.accelerator != Accelerator::tcg) return {};
    std::vector<std::string> arguments;
    for (const char* feature : {"pauth", "sve", "sme", "lpa2"}) {
        arguments.emplace_back("-global");
        arguments.push_back(fmt::format("max-arm-cpu.{}=off", feature));
    }
    return arguments;
}

/// What libvirt has no element for.
void add_command_line(pugi::xml_node domain, const DomainSpec& spec) {
    std::vector<std::string> arguments = smc_arguments(spec);
    std::ranges::move(arm_arguments(spec), std::back_inserter(arguments));
    if (arguments.empty()) return;
    pugi::xml_node line = domain.append_child("qemu:commandline");
    set(line, "xmlns:qemu", "http://libvirt.org/schemas/domain/qemu/1.0");
    for (const std::string& argument : arguments)
        set(line.append_child("qemu:arg"), "value", argument);
}

/// Each PCI Express device needs a root port of its own, and those exist from the start or never:
/// libvirt makes as many as it needs, so that spare ones must be counted on top of them.
void add_root_ports(pugi::xml_node devices, const DomainSpec& spec) {
    if (spec.spare_disk_slots == 0) return;
    constexpr std::size_t controller_of_agent_and_random_source = 2;
    const std::size_t screens = is_x86(spec) ? 0 : 1;
    const std::size_t usb = spec.profile.has_usb_input ? 1 : 0;
    const auto disks =
        static_cast<std::size_t>(std::ranges::count(spec.disks, DiskBus::virtio, &DiskSpec::bus));
    const std::size_t ports = disks + spec.interfaces.size() +
                              controller_of_agent_and_random_source + screens + usb +
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
    add_tpm(devices, spec);
    add_usb(devices, spec);
    leave_out_balloon(devices);
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
    add_command_line(domain, spec);
    return to_text(document);
}

std::string disk_xml(const DiskSpec& spec) {
    pugi::xml_document document;
    add_disk(document, spec);
    return to_text(document);
}

std::string interface_xml(const InterfaceSpec& spec) {
    pugi::xml_document document;
    add_interface(document, spec);
    return to_text(document);
}

}  // namespace kiln::hypervisor
