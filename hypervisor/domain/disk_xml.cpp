#include "hypervisor/domain/disk_xml.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "hypervisor/domain/domain_spec.hpp"
#include "hypervisor/domain/encryption_xml.hpp"
#include "hypervisor/domain/xml_text.hpp"

namespace kiln::hypervisor {

namespace {

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

}  // namespace

void add_disk(pugi::xml_node devices, const DiskSpec& spec) {
    check_chain(spec);
    pugi::xml_node disk = devices.append_child("disk");
    set(disk, "type", "file");
    set(disk, "device", "disk");
    add_disk_driver(disk, spec);
    const pugi::xml_node source = add_source(disk, spec.chain.front());
    if (spec.keeps_owner) keep_owner(source);
    add_backing_chain(disk, spec);
    pugi::xml_node target = disk.append_child("target");
    set(target, "dev", spec.target);
    set(target, "bus", spec.bus == DiskBus::sata ? "sata" : "virtio");
    if (spec.read_only) disk.append_child("readonly");
    if (!spec.serial.empty()) add_text(disk, "serial", spec.serial);
}

}  // namespace kiln::hypervisor
