#include "hypervisor/libvirt/live_domain_xml.hpp"

#include <algorithm>
#include <cstring>
#include <pugixml.hpp>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/users.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

pugi::xml_document parse(const std::string& xml) {
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size())) {
        throw Error(error_code::internal_error, "", "libvirt's answer is not XML");
    }
    return document;
}

}  // namespace

std::string live_domain_xml(virDomainPtr domain) {
    const TextPtr xml(virDomainGetXMLDesc(domain, 0));
    if (!xml) throw last_libvirt_error("read the domain's XML", virDomainGetName(domain));
    return xml.get();
}

std::vector<LiveDisk> live_disks(const std::string& domain_xml) {
    const pugi::xml_document document = parse(domain_xml);
    std::vector<LiveDisk> disks;
    for (const pugi::xml_node disk : document.child("domain").child("devices").children("disk")) {
        std::ostringstream xml;
        disk.print(xml, "", pugi::format_raw);
        disks.push_back({.target = disk.child("target").attribute("dev").value(),
                         .serial = disk.child_value("serial"),
                         .file = disk.child("source").attribute("file").value(),
                         .xml = xml.str()});
    }
    return disks;
}

std::optional<LiveDisk> find_disk(const std::string& domain_xml, const std::string& serial) {
    for (LiveDisk& disk : live_disks(domain_xml)) {
        if (disk.serial == serial) return std::move(disk);
    }
    return std::nullopt;
}

std::string free_target(const std::vector<LiveDisk>& disks) {
    for (char letter = 'a'; letter <= 'z'; ++letter) {
        std::string target{'v', 'd', letter};
        if (std::ranges::find(disks, target, &LiveDisk::target) == disks.end()) return target;
    }
    throw Error("AttachmentLimitExceeded", "", "the guest has no room for another disk");
}

std::size_t free_root_ports(const std::string& domain_xml) {
    const pugi::xml_document document = parse(domain_xml);
    const pugi::xml_node devices = document.child("domain").child("devices");
    std::set<int> buses;  // a root port's bus has its controller's index
    for (const pugi::xml_node port : devices.children("controller")) {
        if (std::strcmp(port.attribute("model").value(), "pcie-root-port") == 0) {
            buses.insert(port.attribute("index").as_int());
        }
    }
    for (const pugi::xml_node device : devices.children()) {
        const pugi::xml_node address = device.child("address");
        if (std::strcmp(address.attribute("type").value(), "pci") != 0) continue;
        buses.erase(address.attribute("bus").as_int());  // "0x01"
    }
    return buses.size();
}

bool agent_is_connected(const std::string& domain_xml) {
    const pugi::xml_document document = parse(domain_xml);
    const auto channels = document.child("domain").child("devices").children("channel");
    return std::any_of(channels.begin(), channels.end(), [](const pugi::xml_node& channel) {
        const pugi::xml_node target = channel.child("target");
        return std::strcmp(target.attribute("name").value(), "org.qemu.guest_agent.0") == 0 &&
               std::strcmp(target.attribute("state").value(), "connected") == 0;
    });
}

std::optional<ProcessUser> qemu_user_in(const std::string& capabilities_xml) {
    const pugi::xml_document document = parse(capabilities_xml);
    const pugi::xml_node host = document.child("capabilities").child("host");
    for (const pugi::xml_node model : host.children("secmodel")) {
        if (std::strcmp(model.child_value("model"), "dac") != 0) continue;
        std::string label = model.find_child_by_attribute("baselabel", "type", "kvm").child_value();
        std::erase(label, '+');
        const auto ids = split(label, ':');
        const auto uid = parse_user_id(ids.front());
        const auto gid = parse_user_id(ids.back());
        if (uid && gid) return ProcessUser{.uid = *uid, .gid = *gid};
    }
    return std::nullopt;
}

std::string catalog_id_in(const std::string& metadata_xml) {
    pugi::xml_document document;
    if (!document.load_buffer(metadata_xml.data(), metadata_xml.size())) return "";
    return document.document_element().attribute("catalog").value();
}

}  // namespace kiln::hypervisor
