#include "hypervisor/libvirt/disk_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

#include "base/error.hpp"
#include "hypervisor/domain/encryption_xml.hpp"

namespace kiln::hypervisor {

namespace {

void add_snapshot(pugi::xml_node disks, const std::string& target, const DiskSnapshot& snapshot) {
    pugi::xml_node disk = disks.append_child("disk");
    disk.append_attribute("name").set_value(target.c_str());
    disk.append_attribute("snapshot").set_value("external");
    disk.append_attribute("type").set_value("file");
    disk.append_child("driver").append_attribute("type").set_value("qcow2");
    pugi::xml_node source = disk.append_child("source");
    source.append_attribute("file").set_value(snapshot.overlay.c_str());
    if (!snapshot.key_id.empty()) add_luks(source, snapshot.key_id);
}

void add_untouched(pugi::xml_node disks, const std::string& target) {
    pugi::xml_node disk = disks.append_child("disk");
    disk.append_attribute("name").set_value(target.c_str());
    disk.append_attribute("snapshot").set_value("no");
}

void check_disks_exist(const std::vector<DiskSnapshot>& wanted,
                       const std::vector<LiveDisk>& disks) {
    for (const DiskSnapshot& snapshot : wanted) {
        if (std::ranges::find(disks, snapshot.serial, &LiveDisk::serial) != disks.end()) continue;
        throw Error(
            error_code::internal_error, snapshot.serial,
            fmt::format("the domain has no disk with the serial number '{}'", snapshot.serial));
    }
}

}  // namespace

std::string disk_snapshot_xml(const std::vector<DiskSnapshot>& wanted,
                              const std::vector<LiveDisk>& disks) {
    check_disks_exist(wanted, disks);
    pugi::xml_document document;
    pugi::xml_node list = document.append_child("domainsnapshot").append_child("disks");
    for (const LiveDisk& disk : disks) {
        const auto snapshot = std::ranges::find(wanted, disk.serial, &DiskSnapshot::serial);
        if (snapshot == wanted.end()) {
            add_untouched(list, disk.target);
        } else {
            add_snapshot(list, disk.target, *snapshot);
        }
    }
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text.str();
}

}  // namespace kiln::hypervisor
