#include "launcher/types/instance_type.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::launcher {

namespace {

using images::Architecture;

struct Size {
    const char* name;
    std::uint32_t vcpus;
    std::uint64_t memory_mib;
    int disks = 0;
    std::uint64_t disk_gib = 0;
};

struct Family {
    const char* name;
    std::vector<Architecture> architectures;
    bool burstable;
    std::vector<Size> sizes;
    bool current_generation = true;
};

/// The shapes of EC2's types of the same names.
const std::vector<Family>& families_without_disks() {
    static const std::vector<Family> table{
        {"t3",
         {Architecture::x86_64},
         true,
         {{"nano", 2, 512},
          {"micro", 2, 1024},
          {"small", 2, 2048},
          {"medium", 2, 4096},
          {"large", 2, 8192},
          {"xlarge", 4, 16384},
          {"2xlarge", 8, 32768}}},
        {"t2",
         {Architecture::i386, Architecture::x86_64},
         true,
         {{"nano", 1, 512},
          {"micro", 1, 1024},
          {"small", 1, 2048},
          {"medium", 2, 4096},
          {"large", 2, 8192}}},
        {"m5",
         {Architecture::x86_64},
         false,
         {{"large", 2, 8192},
          {"xlarge", 4, 16384},
          {"2xlarge", 8, 32768},
          {"4xlarge", 16, 65536},
          {"8xlarge", 32, 131072},
          {"12xlarge", 48, 196608},
          {"16xlarge", 64, 262144},
          {"24xlarge", 96, 393216}}},
        {"c5",
         {Architecture::x86_64},
         false,
         {{"large", 2, 4096},
          {"xlarge", 4, 8192},
          {"2xlarge", 8, 16384},
          {"4xlarge", 16, 32768},
          {"9xlarge", 36, 73728},
          {"12xlarge", 48, 98304},
          {"18xlarge", 72, 147456},
          {"24xlarge", 96, 196608}}},
        {"r5",
         {Architecture::x86_64},
         false,
         {{"large", 2, 16384},
          {"xlarge", 4, 32768},
          {"2xlarge", 8, 65536},
          {"4xlarge", 16, 131072},
          {"8xlarge", 32, 262144},
          {"12xlarge", 48, 393216},
          {"16xlarge", 64, 524288},
          {"24xlarge", 96, 786432}}},
    };
    return table;
}

/// Likewise.
const std::vector<Family>& families_with_disks() {
    static const std::vector<Family> table{
        {"m5d",
         {Architecture::x86_64},
         false,
         {{"large", 2, 8192, 1, 75},
          {"xlarge", 4, 16384, 1, 150},
          {"2xlarge", 8, 32768, 1, 300},
          {"4xlarge", 16, 65536, 2, 300},
          {"8xlarge", 32, 131072, 2, 600}}},
        {"c5d",
         {Architecture::x86_64},
         false,
         {{"large", 2, 4096, 1, 50},
          {"xlarge", 4, 8192, 1, 100},
          {"2xlarge", 8, 16384, 1, 200},
          {"4xlarge", 16, 32768, 1, 400}}},
        {"m3",
         {Architecture::x86_64},
         false,
         {{"medium", 1, 3840, 1, 4},
          {"large", 2, 7680, 1, 32},
          {"xlarge", 4, 15360, 2, 40},
          {"2xlarge", 8, 30720, 2, 80}},
         false},
        {"m1",
         {Architecture::i386, Architecture::x86_64},
         false,
         {{"small", 1, 1740, 1, 160},
          {"medium", 1, 3840, 1, 410},
          {"large", 2, 7680, 2, 420},
          {"xlarge", 4, 15360, 4, 420}},
         false},
    };
    return table;
}

std::vector<InstanceType> expand_families() {
    std::vector<InstanceType> types;
    std::vector<Family> families = families_without_disks();
    families.insert(families.end(), families_with_disks().begin(), families_with_disks().end());
    for (const Family& family : families) {
        for (const Size& size : family.sizes) {
            types.push_back({.name = fmt::format("{}.{}", family.name, size.name),
                             .vcpus = size.vcpus,
                             .memory = Bytes::mebibytes(size.memory_mib),
                             .architectures = family.architectures,
                             .burstable = family.burstable,
                             .current_generation = family.current_generation,
                             .storage = std::vector(static_cast<std::size_t>(size.disks),
                                                    Bytes::gibibytes(size.disk_gib)),
                             .storage_is_nvme = family.current_generation});
        }
    }
    return types;
}

}  // namespace

const std::vector<InstanceType>& instance_types() {
    static const std::vector<InstanceType> types = expand_families();
    return types;
}

const InstanceType& get_instance_type(const std::string& name) {
    const auto& types = instance_types();
    const auto found = std::ranges::find(types, name, &InstanceType::name);
    if (found != types.end()) return *found;
    std::vector<std::string> names;
    names.reserve(types.size());
    for (const InstanceType& type : types)
        names.push_back(type.name);
    const auto suggestion = nearest(name, names);
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("Invalid value '{}' for InstanceType.{}", name,
                            suggestion ? fmt::format(" Did you mean '{}'?", *suggestion)
                                       : " `kiln describe-instance-types` lists them."));
}

}  // namespace kiln::launcher
