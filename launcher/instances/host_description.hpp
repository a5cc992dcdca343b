#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "images/catalog/instance.hpp"

namespace kiln::launcher {

/// A host as DescribeHosts tells of it.
struct HostDescription {
    std::string id;  // "h-" and 17 hexadecimal digits, the same for one libvirt
    std::string zone;
    std::uint32_t processors = 0;
    Bytes memory;
    Bytes free_memory;  // what new instances can have
    std::vector<hypervisor::AcceleratorVerdict> accelerators;
    std::vector<images::Instance> instances;  // the caller's that run
};

}  // namespace kiln::launcher
