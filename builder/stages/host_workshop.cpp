#include "builder/stages/host_workshop.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "builder/trial/run_trial.hpp"
#include "launcher/launcher.hpp"

namespace kiln::builder {

void HostWorkshop::recover() {
    std::promise<void> done;
    recovered_ = done.get_future().share();
    recovery_ = std::jthread([this, done = std::move(done)](const std::stop_token& stop) mutable {
        try {
            end_abandoned_trials(tools_.trial, stop);
        } catch (const std::exception& exception) {
            // The next start of the service tries it again.
            log::error("cannot end what trials have left: {}", exception.what());
        }
        done.set_value();
    });
}

void HostWorkshop::wait_until_recovered(const std::stop_token& stop) const {
    constexpr std::chrono::milliseconds between_looks{200};
    if (!recovered_.valid()) return;
    while (recovered_.wait_for(between_looks) != std::future_status::ready)
        if (stop.stop_requested()) throw Error("Canceled", "", "the build was canceled");
}

std::filesystem::path HostWorkshop::build_base(const Recipe& recipe,
                                               const std::filesystem::path& work_directory,
                                               const BuildProgress& progress,
                                               std::stop_token stop) {
    return build_disk(recipe, work_directory, progress, std::move(stop));
}

std::unique_ptr<OfflineDisk> HostWorkshop::open_disk(const OfflineDiskSpec& spec) {
    return std::make_unique<OfflineSystem>(spec, tools_.offline);
}

LayerId HostWorkshop::provision(const TrialSpec& trial, const Step& step) {
    wait_until_recovered(trial.stop);
    return builder::provision(tools_.trial, trial, step);
}

void HostWorkshop::verify(const TrialSpec& trial, const std::vector<VerifyStep>& steps) {
    wait_until_recovered(trial.stop);
    builder::verify(tools_.trial, trial, steps);
}

ImageId HostWorkshop::copy_image(const images::Caller& caller,
                                 const launcher::CopyImageRequest& request) {
    return tools_.trial.launcher.copy_image(caller, request);
}

}  // namespace kiln::builder
