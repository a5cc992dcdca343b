#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace kiln {

/// An instance type of the configuration's key `instance_types`:
///
///     instance_types:
///       lab.small:
///         vcpus: 1
///         memory: 512MiB
///         architectures: [x86_64, i386]   # default x86_64
///         virtualization_types: [hvm]     # default hvm
///         storage: [10GiB, 10GiB]         # disks of its own; default none
///         baseline_percent: 20            # of its processors when others want them; default 100
struct CustomType {
    std::uint32_t vcpus = 0;
    Bytes memory;
    std::vector<std::string> architectures{"x86_64"};
    std::vector<std::string> virtualization_types{"hvm"};
    std::vector<Bytes> storage;
    std::uint32_t baseline_percent = 100;
};

/// By name: "lab.small".
using CustomTypes = std::map<std::string, CustomType>;

}  // namespace kiln
