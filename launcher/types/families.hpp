#pragma once

#include <cstdint>
#include <vector>

#include "images/catalog/attributes.hpp"

namespace kiln::launcher {

struct Size {
    const char* name;
    std::uint32_t vcpus;
    std::uint64_t memory_mib;
    std::uint32_t baseline_percent = 100;
    int disks = 0;
    std::uint64_t disk_gib = 0;
};

struct Family {
    const char* name;
    std::vector<images::Architecture> architectures;
    std::vector<Size> sizes;
    std::vector<images::VirtualizationType> virtualization_types{images::VirtualizationType::hvm};
    bool burstable = false;
    bool current_generation = true;
    bool bare_metal = false;
};

/// The shapes of EC2's types of the same names
/// (https://aws.amazon.com/ec2/instance-types/, and its page of previous generations).
const std::vector<Family>& families();

}  // namespace kiln::launcher
