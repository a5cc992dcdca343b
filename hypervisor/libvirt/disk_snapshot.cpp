#include "hypervisor/libvirt/disk_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

#include "base/error.hpp"

namespace kiln::hypervisor {

namespace {

void add_snapshot(pugi::xml_node disks, const DiskSnapshot& snapshot) {
    pugi::xml_node disk = disks.append_child("disk");
    disk.append_attribute("name").set_value(snapshot.target.c_str());
    disk.append_attribute("snapshot").set_value("external");
    disk.append_attribute("type").set_value("file");
    disk.append_child("driver").append_attribute("type").set_value("qcow2");
    disk.append_child("source").append_attribute("file").set_value(snapshot.overlay.c_str());
}

void add_untouched(pugi::xml_node disks, const std::string& target) {
    pugi::xml_node disk = disks.append_child("disk");
    disk.append_attribute("name").set_value(target.c_str());
    disk.append_attribute("snapshot").set_value("no");
}

}  // namespace

std::string disk_snapshot_xml(const std::vector<DiskSnapshot>& disks,
                              const std::vector<std::string>& targets) {
    pugi::xml_document document;
    pugi::xml_node list = document.append_child("domainsnapshot").append_child("disks");
    for (const DiskSnapshot& disk : disks) {
        if (std::find(targets.begin(), targets.end(), disk.target) == targets.end()) {
            throw Error(error_code::internal_error, disk.target,
                        fmt::format("the domain has no disk '{}'", disk.target));
        }
        add_snapshot(list, disk);
    }
    for (const std::string& target : targets) {
        const bool named = std::any_of(disks.begin(), disks.end(), [&](const DiskSnapshot& disk) {
            return disk.target == target;
        });
        if (!named) add_untouched(list, target);
    }
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text.str();
}

}  // namespace kiln::hypervisor
