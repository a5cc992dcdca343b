#pragma once

#include <filesystem>
#include <string>

#include "hypervisor/domain/domain_spec.hpp"
#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// libvirt's file of a saved domain: a head with the domain's XML and a cookie, then QEMU's state
/// (libvirt's src/qemu/qemu_saveimage.h). libvirt restores it as the domain that it was; to make
/// others of it, the head is written anew.

struct SavedHead {
    std::string xml;
    std::string cookie;  // XML as well; it repeats the UUID
};
/// Throws Error{InternalError} for a file that is none, or of another version.
SavedHead read_saved_head(const std::filesystem::path& file);

/// The head for a domain that is `spec` in all that a guest does not see, or learns later: name,
/// UUID, title, catalog, user, the files of its disks and of its console. A pure function; what the
/// machine consists of stays as it was saved.
SavedHead saved_head_for(const SavedHead& saved, const DomainSpec& spec);

/// Writes `target`: the head, and the state of `source` after its own.
void write_saved_domain(const std::filesystem::path& target, const SavedHead& head,
                        const std::filesystem::path& source);

/// Saves a running domain, which then is gone.
void save_domain(virDomainPtr domain, const std::filesystem::path& file);
/// Starts the domain of such a file.
void restore_domain(virConnectPtr connection, const std::filesystem::path& file,
                    const std::string& name);

}  // namespace kiln::hypervisor
