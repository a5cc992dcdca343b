#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::launcher {

struct InstanceType {
    std::string name;  // "t3.small"
    std::uint32_t vcpus;
    Bytes memory;
    std::vector<images::Architecture> architectures;
    bool burstable = false;
    bool current_generation = true;
    std::vector<Bytes> storage;    // disks of its own, ephemeral0 and so on
    bool storage_is_nvme = false;  // then they are there without a mapping
};

/// All types, in the order of the families and sizes.
const std::vector<InstanceType>& instance_types();
/// Throws Error{InvalidParameterValue} "Invalid value 'x' for InstanceType.", with the nearest
/// name.
const InstanceType& get_instance_type(const std::string& name);

}  // namespace kiln::launcher
