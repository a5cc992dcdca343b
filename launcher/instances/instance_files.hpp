#pragma once

#include <filesystem>
#include <string>

#include "base/ids.hpp"
#include "images/catalog/instance.hpp"

namespace kiln::launcher {

/// The files of an instance besides its volumes, below <state directory>/instances/<instance id>.
/// All their paths are made here. Any thread; one instance's files are touched by one thread at a
/// time.
class InstanceFiles {
  public:
    /// Makes the directory when it is missing.
    explicit InstanceFiles(std::filesystem::path directory);

    std::filesystem::path console_log(const InstanceId& id) const;
    std::filesystem::path seed(const InstanceId& id) const;
    std::filesystem::path uefi_variables(const InstanceId& id) const;

    /// Makes the instance's directory (QEMU's user may pass through it).
    void create(const InstanceId& id) const;
    /// Writes the NoCloud seed: a small FAT file system labelled CIDATA with meta-data and
    /// user-data, which cloud-init reads at every boot
    /// (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).
    void write_seed(const images::Instance& instance) const;
    /// A store of UEFI variables, with holes for its zeros.
    void write_uefi_variables(const InstanceId& id, const std::string& variables) const;
    void remove_all(const InstanceId& id) const;

  private:
    std::filesystem::path directory_of(const InstanceId& id) const;

    std::filesystem::path directory_;
};

/// The meta-data file of the seed.
std::string seed_meta_data(const images::Instance& instance);

}  // namespace kiln::launcher
