#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/process.hpp"
#include "builder/stages/workshop.hpp"

namespace kiln::tests {

/// Does what the stages of a build ask for to real qcow2 files: an offline step writes one sector
/// per step, so that layers can be told apart. Bases from packages are built for real unless
/// `bases_are_empty`.
class FakeWorkshop : public builder::Workshop {
  public:
    /// What was done, in its order: "base", "run 1", "provision 2", "verify", "copy to there".
    std::vector<std::string> done() {
        const std::lock_guard lock(mutex_);
        return done_;
    }
    void forget_done() {
        const std::lock_guard lock(mutex_);
        done_.clear();
    }
    /// The step of that name fails so many times.
    void fail(const std::string& step, int times) {
        const std::lock_guard lock(mutex_);
        failures_[step] = times;
    }
    /// Called in the step of that name, before it is done.
    void during(const std::string& step, std::function<void(const std::stop_token&)> work) {
        const std::lock_guard lock(mutex_);
        during_[step] = std::move(work);
    }
    /// How often an appliance was started.
    int opened() {
        const std::lock_guard lock(mutex_);
        return opened_;
    }
    bool bases_are_empty = false;
    /// Makes the layer of a provisioned root; set by the fixture, which knows the catalog.
    std::function<LayerId(const builder::TrialSpec&)> capture;
    /// Looks at the candidate while it is verified.
    std::function<void(const builder::TrialSpec&)> on_verify;

    std::filesystem::path build_base(const builder::Recipe& recipe,
                                     const std::filesystem::path& work_directory,
                                     const builder::BuildProgress& progress,
                                     std::stop_token stop) override {
        if (!bases_are_empty)
            return builder::build_disk(recipe, work_directory, progress, std::move(stop));
        perform("base", stop);
        const auto disk = work_directory / "result.qcow2";
        run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", disk,
                                   std::to_string(recipe.size.value)}});
        return disk;
    }

    std::unique_ptr<builder::OfflineDisk> open_disk(const builder::OfflineDiskSpec& spec) override {
        const std::lock_guard lock(mutex_);
        ++opened_;
        return std::make_unique<Disk>(*this, spec);
    }

    LayerId provision(const builder::TrialSpec& trial, const builder::Step& step) override {
        try {
            perform(step.name, trial.stop);
        } catch (const Error&) {
            if (trial.on_kept) trial.on_kept(InstanceId("i-12345678"));
            throw;
        }
        return capture(trial);
    }

    void verify(const builder::TrialSpec& trial,
                const std::vector<builder::VerifyStep>& steps) override {
        if (on_verify) on_verify(trial);
        for (const builder::VerifyStep& step : steps) {
            try {
                perform(step.name, trial.stop);
            } catch (const Error&) {
                if (trial.on_kept) trial.on_kept(InstanceId("i-12345678"));
                throw;
            }
        }
    }

    ImageId copy_image(const images::Caller& caller,
                       const launcher::CopyImageRequest& request) override {
        perform("copy " + request.name + " to " + caller.region, {});
        return ImageId::generate();
    }

  private:
    class Disk : public builder::OfflineDisk {
      public:
        Disk(FakeWorkshop& workshop, builder::OfflineDiskSpec spec)
            : workshop_(workshop), spec_(std::move(spec)) {}

        void apply(const builder::Step& step) override {
            if (spec_.on_log) spec_.on_log(step.name + " says something");
            write(step.name);
            workshop_.perform(step.name, spec_.stop);
        }
        void go_on_in(const std::filesystem::path& overlay) override { spec_.disk = overlay; }
        void finish() override {}

      private:
        void write(const std::string& text) const {
            const std::string sector = std::to_string(text.empty() ? 0 : text.back() % 64 * 64);
            const std::string command =
                "write -q -P " + std::to_string(text.back()) + " " + sector + "k 64k";
            run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-c", command, spec_.disk}});
        }

        FakeWorkshop& workshop_;
        builder::OfflineDiskSpec spec_;
    };

    void perform(const std::string& step, const std::stop_token& stop) {
        std::function<void(const std::stop_token&)> work;
        {
            const std::lock_guard lock(mutex_);
            const auto found = during_.find(step);
            if (found != during_.end()) work = found->second;
        }
        if (work) work(stop);
        if (stop.stop_requested()) throw Error("Canceled", "", "the build was canceled");
        const std::lock_guard lock(mutex_);
        done_.push_back(step);
        auto failure = failures_.find(step);
        if (failure == failures_.end() || failure->second == 0) return;
        --failure->second;
        throw Error("BuildFailed", "", step + " has exit status 1");
    }

    std::mutex mutex_;
    std::vector<std::string> done_;
    std::map<std::string, int> failures_;
    std::map<std::string, std::function<void(const std::stop_token&)>> during_;
    int opened_ = 0;
};

}  // namespace kiln::tests
