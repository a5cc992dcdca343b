#pragma once

#include "hypervisor/domain/domain_spec.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::launcher {

/// The hypervisor's word for an architecture of images.
hypervisor::GuestArchitecture guest_architecture(images::Architecture architecture);

}  // namespace kiln::launcher
