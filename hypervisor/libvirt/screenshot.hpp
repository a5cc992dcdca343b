#pragma once

#include <string>

#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// The first screen of a domain as PNG.
std::string screen_png(virConnectPtr connection, virDomainPtr domain);

/// The same picture as JPEG. Throws Error{InternalError} when `png` is none. A pure function.
std::string jpeg_from_png(const std::string& png);

}  // namespace kiln::hypervisor
