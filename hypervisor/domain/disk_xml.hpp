#pragma once

#include <pugixml.hpp>

namespace kiln::hypervisor {

struct DiskSpec;

/// Throws Error{InternalError} when the disk has no file.
void add_disk(pugi::xml_node devices, const DiskSpec& spec);

}  // namespace kiln::hypervisor
