#include "launcher/types/instance_type.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "launcher/types/families.hpp"

namespace kiln::launcher {

namespace {

InstanceType type_of(const Family& family, const Size& size) {
    return {.name = fmt::format("{}.{}", family.name, size.name),
            .vcpus = size.vcpus,
            .memory = Bytes::mebibytes(size.memory_mib),
            .architectures = family.architectures,
            .virtualization_types = family.virtualization_types,
            .burstable = family.burstable,
            .baseline_percent = size.baseline_percent,
            .current_generation = family.current_generation,
            .storage =
                std::vector(static_cast<std::size_t>(size.disks), Bytes::gibibytes(size.disk_gib)),
            .storage_is_nvme = family.current_generation,
            .bare_metal = family.bare_metal};
}

InstanceType type_of(const std::string& name, const CustomType& custom) {
    InstanceType type{.name = name,
                      .vcpus = custom.vcpus,
                      .memory = custom.memory,
                      .architectures = {},
                      .virtualization_types = {},
                      .burstable = custom.baseline_percent < 100,
                      .baseline_percent = custom.baseline_percent,
                      .storage = custom.storage,
                      .storage_is_nvme = true};
    for (const std::string& word : custom.architectures)
        type.architectures.push_back(images::parse_architecture(word));
    for (const std::string& word : custom.virtualization_types)
        type.virtualization_types.push_back(images::parse_virtualization_type(word));
    return type;
}

}  // namespace

InstanceTypes::InstanceTypes(const CustomTypes& custom) {
    for (const Family& family : families()) {
        for (const Size& size : family.sizes)
            types_.push_back(type_of(family, size));
    }
    for (const auto& [name, type] : custom) {
        if (find(name) != nullptr) {
            throw Error("InvalidConfiguration", name,
                        fmt::format("instance_types: '{}' is one of EC2's types: choose another "
                                    "name, as lab.small",
                                    name));
        }
        types_.push_back(type_of(name, type));
    }
}

const InstanceType* InstanceTypes::find(const std::string& name) const {
    const auto found = std::ranges::find(types_, name, &InstanceType::name);
    return found == types_.end() ? nullptr : &*found;
}

const InstanceType& InstanceTypes::get(const std::string& name) const {
    if (const InstanceType* type = find(name)) return *type;
    std::vector<std::string> names;
    names.reserve(types_.size());
    for (const InstanceType& type : types_)
        names.push_back(type.name);
    const auto suggestion = nearest(name, names);
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("Invalid value '{}' for InstanceType.{}", name,
                            suggestion ? fmt::format(" Did you mean '{}'?", *suggestion)
                                       : " `kiln describe-instance-types` lists them."));
}

std::uint32_t processor_weight(const InstanceType& type) {
    // libvirt takes 2 to 10,000 everywhere.
    return std::clamp(type.vcpus * type.baseline_percent, 2U, 10'000U);
}

}  // namespace kiln::launcher
