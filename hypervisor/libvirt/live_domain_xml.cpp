#include "hypervisor/libvirt/live_domain_xml.hpp"

#include <algorithm>
#include <cstring>
#include <pugixml.hpp>

#include "base/error.hpp"
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

std::vector<std::string> disk_targets(const std::string& domain_xml) {
    const pugi::xml_document document = parse(domain_xml);
    std::vector<std::string> targets;
    for (const pugi::xml_node disk : document.child("domain").child("devices").children("disk"))
        targets.emplace_back(disk.child("target").attribute("dev").value());
    return targets;
}

std::optional<std::filesystem::path> disk_file(const std::string& domain_xml,
                                               const std::string& target) {
    const pugi::xml_document document = parse(domain_xml);
    for (const pugi::xml_node disk : document.child("domain").child("devices").children("disk")) {
        if (target != disk.child("target").attribute("dev").value()) continue;
        return disk.child("source").attribute("file").value();
    }
    return std::nullopt;
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

std::string qemu_user_in(const std::string& capabilities_xml) {
    const pugi::xml_document document = parse(capabilities_xml);
    const pugi::xml_node host = document.child("capabilities").child("host");
    for (const pugi::xml_node model : host.children("secmodel")) {
        if (std::strcmp(model.child_value("model"), "dac") != 0) continue;
        std::string user = model.find_child_by_attribute("baselabel", "type", "kvm").child_value();
        std::erase(user, '+');
        return user;
    }
    return "";
}

std::string catalog_id_in(const std::string& metadata_xml) {
    pugi::xml_document document;
    if (!document.load_buffer(metadata_xml.data(), metadata_xml.size())) return "";
    return document.document_element().attribute("catalog").value();
}

}  // namespace kiln::hypervisor
