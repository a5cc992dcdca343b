#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/custom_types.hpp"
#include "base/units.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::launcher {

struct InstanceType {
    std::string name;  // "t3.small"
    std::uint32_t vcpus;
    Bytes memory;
    std::vector<images::Architecture> architectures;
    std::vector<images::VirtualizationType> virtualization_types{images::VirtualizationType::hvm};
    bool burstable = false;
    /// Of its processors, what its instances get when others want them too; 100: all.
    std::uint32_t baseline_percent = 100;
    bool current_generation = true;
    std::vector<Bytes> storage;    // disks of its own, ephemeral0 and so on
    bool storage_is_nvme = false;  // then they are there without a mapping
    bool bare_metal = false;
};

/// The types of a service: EC2's, and those of the configuration. Does not change; any thread.
class InstanceTypes {
  public:
    /// Throws Error{InvalidConfiguration} for a custom type with the name of one of EC2's.
    explicit InstanceTypes(const CustomTypes& custom = {});

    /// In the order of the families and sizes, the custom ones last.
    const std::vector<InstanceType>& all() const { return types_; }
    const InstanceType* find(const std::string& name) const;
    /// Throws Error{InvalidParameterValue} "Invalid value 'x' for InstanceType.", with the nearest
    /// name.
    const InstanceType& get(const std::string& name) const;

  private:
    std::vector<InstanceType> types_;
};

/// A share of the host's processors for a guest of the type beside others: 100 for each whole one.
std::uint32_t processor_weight(const InstanceType& type);

}  // namespace kiln::launcher
