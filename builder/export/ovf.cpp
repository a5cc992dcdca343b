#include "builder/export/ovf.hpp"

#include <pugixml.hpp>
#include <sstream>

namespace kiln::builder {

namespace {

using Node = pugi::xml_node;

constexpr const char* ovf_namespace = "http://schemas.dmtf.org/ovf/envelope/1";
constexpr const char* resource_namespace =
    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
constexpr const char* system_namespace =
    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";
constexpr const char* disk_format =
    "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";
constexpr const char* file_id = "file1";
constexpr const char* disk_id = "vmdisk1";
constexpr const char* disk_resource = "ovf:/disk/vmdisk1";
constexpr const char* network_name = "NAT";  // VirtualBox's own, and a usual one of VMware's

constexpr int processors = 2;
constexpr int memory_mib = 2048;

Node add_text(Node parent, const char* name, const std::string& text) {
    Node node = parent.append_child(name);
    node.text().set(text.c_str());
    return node;
}

void set(Node node, const char* name, const std::string& value) {
    node.append_attribute(name).set_value(value.c_str());
}

/// Numbers of CIM_OperatingSystem.OSType.
struct OperatingSystem {
    int cim_number;
    const char* vmware;
    const char* description;
};

OperatingSystem operating_system_of(const OvfMachine& machine) {
    const bool is_64_bit = machine.architecture != images::Architecture::i386;
    if (machine.is_windows)
        return is_64_bit ? OperatingSystem{103, "windows9Server64Guest", "Windows, 64 bits"}
                         : OperatingSystem{105, "windows9Guest", "Windows, 32 bits"};
    if (machine.os_id.starts_with("debian"))
        return is_64_bit ? OperatingSystem{96, "debian10_64Guest", "Debian, 64 bits"}
                         : OperatingSystem{95, "debian10Guest", "Debian, 32 bits"};
    return is_64_bit ? OperatingSystem{101, "otherLinux64Guest", "Linux, 64 bits"}
                     : OperatingSystem{36, "otherLinuxGuest", "Linux, 32 bits"};
}

/// Kinds of CIM_ResourceAllocationSettingData.
enum class Resource { processor = 3, memory = 4, network_card = 10, disk = 17, controller = 20 };

// The properties of a device stand in the order of their names, which the schema wants.

void set_type(Node item, Resource type) {
    add_text(item, "rasd:ResourceType", std::to_string(static_cast<int>(type)));
}

void add_processor(Node hardware) {
    Node item = hardware.append_child("Item");
    add_text(item, "rasd:AllocationUnits", "hertz * 10^6");
    add_text(item, "rasd:ElementName", "processors");
    add_text(item, "rasd:InstanceID", "1");
    set_type(item, Resource::processor);
    add_text(item, "rasd:VirtualQuantity", std::to_string(processors));
}

void add_memory(Node hardware) {
    Node item = hardware.append_child("Item");
    add_text(item, "rasd:AllocationUnits", "byte * 2^20");
    add_text(item, "rasd:ElementName", "memory");
    add_text(item, "rasd:InstanceID", "2");
    set_type(item, Resource::memory);
    add_text(item, "rasd:VirtualQuantity", std::to_string(memory_mib));
}

void add_controller(Node hardware) {
    Node item = hardware.append_child("Item");
    add_text(item, "rasd:Address", "0");
    add_text(item, "rasd:ElementName", "SATA controller");
    add_text(item, "rasd:InstanceID", "3");
    add_text(item, "rasd:ResourceSubType", "AHCI");
    set_type(item, Resource::controller);
}

void add_disk(Node hardware) {
    Node item = hardware.append_child("Item");
    add_text(item, "rasd:AddressOnParent", "0");
    add_text(item, "rasd:ElementName", "disk");
    add_text(item, "rasd:HostResource", disk_resource);
    add_text(item, "rasd:InstanceID", "4");
    add_text(item, "rasd:Parent", "3");
    set_type(item, Resource::disk);
}

void add_network_card(Node hardware) {
    Node item = hardware.append_child("Item");
    add_text(item, "rasd:AutomaticAllocation", "true");
    add_text(item, "rasd:Connection", network_name);
    add_text(item, "rasd:ElementName", "network card");
    add_text(item, "rasd:InstanceID", "5");
    add_text(item, "rasd:ResourceSubType", "E1000");
    set_type(item, Resource::network_card);
}

void add_hardware(Node system, const OvfMachine& machine) {
    Node hardware = system.append_child("VirtualHardwareSection");
    add_text(hardware, "Info", "The machine's devices");
    Node type = hardware.append_child("System");
    add_text(type, "vssd:ElementName", "Virtual Hardware Family");
    add_text(type, "vssd:InstanceID", "0");
    add_text(type, "vssd:VirtualSystemIdentifier", machine.name);
    add_text(type, "vssd:VirtualSystemType", "vmx-13");
    add_processor(hardware);
    add_memory(hardware);
    add_controller(hardware);
    add_disk(hardware);
    add_network_card(hardware);
    if (machine.boot_mode != images::BootMode::uefi) return;
    Node firmware = hardware.append_child("vmw:Config");
    set(firmware, "ovf:required", "false");
    set(firmware, "vmw:key", "firmware");
    set(firmware, "vmw:value", "efi");
}

Node add_envelope(pugi::xml_document& document) {
    Node declaration = document.append_child(pugi::node_declaration);
    set(declaration, "version", "1.0");
    set(declaration, "encoding", "UTF-8");
    Node envelope = document.append_child("Envelope");
    set(envelope, "xmlns", ovf_namespace);
    set(envelope, "xmlns:ovf", ovf_namespace);
    set(envelope, "xmlns:rasd", resource_namespace);
    set(envelope, "xmlns:vssd", system_namespace);
    set(envelope, "xmlns:vmw", "http://www.vmware.com/schema/ovf");
    return envelope;
}

void add_file(Node envelope, const OvfMachine& machine) {
    Node file = envelope.append_child("References").append_child("File");
    set(file, "ovf:href", machine.disk_file);
    set(file, "ovf:id", file_id);
    set(file, "ovf:size", std::to_string(machine.disk_file_size.value));
}

void add_disk_section(Node envelope, const OvfMachine& machine) {
    Node section = envelope.append_child("DiskSection");
    add_text(section, "Info", "The machine's disk");
    Node disk = section.append_child("Disk");
    set(disk, "ovf:capacity", std::to_string(machine.disk_capacity.value));
    set(disk, "ovf:capacityAllocationUnits", "byte");
    set(disk, "ovf:diskId", disk_id);
    set(disk, "ovf:fileRef", file_id);
    set(disk, "ovf:format", disk_format);
}

void add_network_section(Node envelope) {
    Node section = envelope.append_child("NetworkSection");
    add_text(section, "Info", "The networks that the machine is in");
    Node network = section.append_child("Network");
    set(network, "ovf:name", network_name);
    add_text(network, "Description", "Any network with DHCP");
}

void add_system(Node envelope, const OvfMachine& machine) {
    Node system = envelope.append_child("VirtualSystem");
    set(system, "ovf:id", machine.name);
    add_text(system, "Info", "A machine image, exported by kiln");
    add_text(system, "Name", machine.name);
    const OperatingSystem found = operating_system_of(machine);
    Node section = system.append_child("OperatingSystemSection");
    set(section, "ovf:id", std::to_string(found.cim_number));
    set(section, "vmw:osType", found.vmware);
    add_text(section, "Info", "The operating system");
    add_text(section, "Description", found.description);
    add_hardware(system, machine);
}

}  // namespace

OvfMachine ovf_machine_of(const images::Image& image) {
    return {.name = image.name,
            .architecture = image.architecture,
            .boot_mode = image.boot_mode,
            .os_id = image.os_id,
            .is_windows = image.platform == images::windows_platform};
}

std::string ovf_descriptor(const OvfMachine& machine) {
    pugi::xml_document document;
    Node envelope = add_envelope(document);
    add_file(envelope, machine);
    add_disk_section(envelope, machine);
    add_network_section(envelope);
    add_system(envelope, machine);
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent, pugi::encoding_utf8);
    return text.str();
}

}  // namespace kiln::builder
