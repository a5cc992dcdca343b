#pragma once

#include <future>
#include <thread>

#include "builder/offline/offline_system.hpp"
#include "builder/stages/workshop.hpp"
#include "builder/trial/trial.hpp"

namespace kiln::builder {

/// The workshop of this host: its package manager, its appliances and its launcher.
class HostWorkshop final : public Workshop {
  public:
    struct Tools {
        OfflineTools offline;
        TrialTools trial;
    };
    explicit HostWorkshop(Tools tools) : tools_(std::move(tools)) {}

    /// Begins to end the instances that trials of an earlier service have left; trials wait for
    /// that. Once, when the launcher has recovered.
    void recover();

    std::filesystem::path build_base(const Recipe& recipe,
                                     const std::filesystem::path& work_directory,
                                     const BuildProgress& progress, std::stop_token stop) override;
    std::unique_ptr<OfflineDisk> open_disk(const OfflineDiskSpec& spec) override;
    LayerId provision(const TrialSpec& trial, const Step& step) override;
    void verify(const TrialSpec& trial, const std::vector<VerifyStep>& steps) override;
    ImageId copy_image(const images::Caller& caller,
                       const launcher::CopyImageRequest& request) override;

  private:
    void wait_until_recovered(const std::stop_token& stop) const;

    Tools tools_;
    std::shared_future<void> recovered_;
    std::jthread recovery_;
};

}  // namespace kiln::builder
