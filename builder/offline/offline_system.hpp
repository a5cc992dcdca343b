#pragma once

#include <filesystem>
#include <memory>

#include "builder/stages/workshop.hpp"

namespace kiln::builder {

/// What several systems have in common.
struct OfflineTools {
    /// The service's own, on a disk: what is there for a system is removed with it.
    std::filesystem::path directory;
    bool use_kvm = false;
};

/// A disk that steps change in a libguestfs appliance, which a server gives it, so that one
/// appliance goes on from layer to layer. The system on it cannot reach the host or a network, and
/// reads of the host what the steps name.
class OfflineSystem final : public OfflineDisk {
  public:
    /// Starts the appliance when the first step comes. Throws as OfflineDisk.
    OfflineSystem(OfflineDiskSpec spec, OfflineTools tools);
    ~OfflineSystem() override;

    void apply(const Step& step) override;
    void go_on_in(const std::filesystem::path& overlay) override;
    void finish() override;
    /// Lets what the file systems do not use be holes of the file. Before finish().
    void trim();

  private:
    struct Open;
    Open& open();

    OfflineDiskSpec spec_;
    OfflineTools tools_;
    std::unique_ptr<Open> open_;
};

}  // namespace kiln::builder
