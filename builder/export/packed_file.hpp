#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "builder/export/file_reader.hpp"
#include "builder/export/ovf.hpp"
#include "builder/export/vagrant_box.hpp"

namespace kiln::builder {

/// What a disk is packed into. The file is new and durable when these return, and its SHA-256 was
/// taken while it was written; after an error or a stop there is none. Progress counts the disk's
/// file.

struct Packing {
    std::filesystem::path disk;  // what is packed
    std::filesystem::path to;
    std::string name;  // of the files in it: "<name>.ovf"
    Time now;
};

/// An OVA: a tar of the descriptor, the disk (a streamOptimized vmdk) and a manifest with the
/// SHA-256 of both. Returns the SHA-256 of the whole.
std::string pack_ova(const Packing& packing, OvfMachine machine, const ReadProgress& progress,
                     const std::stop_token& stop);

/// A box of Vagrant for the provider libvirt: a compressed tar of metadata.json, Vagrantfile and
/// box.img (a qcow2 file). Returns the SHA-256 of the whole.
std::string pack_vagrant_box(const Packing& packing, const VagrantBox& box,
                             const ReadProgress& progress, const std::stop_token& stop);

}  // namespace kiln::builder
