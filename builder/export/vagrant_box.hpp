#pragma once

#include <string>

#include "base/units.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::builder {

/// What a box of Vagrant says of its machine, besides its disk.
struct VagrantBox {
    std::string image;  // its id
    images::BootMode boot_mode = images::BootMode::legacy_bios;
    Bytes virtual_size;
    /// Without bash and sudo, as the images of the recipe tiny.
    bool is_tiny = false;
};

/// metadata.json of format v1 of vagrant-libvirt: the size counts in whole GB.
std::string box_metadata(const VagrantBox& box);

/// The Vagrantfile in the box: what of Vagrant's ways the guest does not have is switched off. That
/// of a user comes over it.
std::string box_vagrantfile(const VagrantBox& box);

}  // namespace kiln::builder
