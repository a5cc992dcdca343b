#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "builder/recipe/recipe.hpp"
#include "builder/recipe/step.hpp"
#include "builder/steps/build_disk.hpp"
#include "images/accounts/caller.hpp"
#include "launcher/copies/requests.hpp"

namespace kiln::builder {

/// A disk whose system is changed without a boot. One thread. What it is destroyed with before
/// finish() may be half written.
class OfflineDisk {
  public:
    virtual ~OfflineDisk() = default;
    /// One try. Throws Error{BuildFailed} with the step's last words, Error{Canceled} after a stop.
    virtual void apply(const Step& step) = 0;
    /// All that was written so far is in the file that was written to, which changes no more; what
    /// follows goes to `overlay`, an empty one that stands on it.
    virtual void go_on_in(const std::filesystem::path& overlay) = 0;
    /// All is written, and nobody has the file open.
    virtual void finish() = 0;
};

struct OfflineDiskSpec {
    std::filesystem::path disk;  // a qcow2 file of the pool, with all that it stands on
    images::Architecture architecture;
    std::string mirror;  // of the recipe; may be empty
    std::function<void(std::string_view line)> on_log;
    std::stop_token stop;
};

/// A throw-away instance of a pending image of the caller, which has a root.
struct TrialSpec {
    const images::Caller& caller;
    ImageId image;
    /// Stands while the build does; what a trial leaves in the catalog is this operation's.
    OperationId operation;
    std::function<void(std::string_view line)> on_log;
    std::stop_token stop;
    /// Told which instance stays when the trial fails; empty: none does.
    std::function<void(const InstanceId& instance)> on_kept;
    std::string key_name = {};  // of the caller's, to open the one that stays; may be empty
};

/// What does the work of a build's stages. All throw Error{BuildFailed} with the last words of what
/// failed, Error{Canceled} after a stop. Any thread.
class Workshop {
  public:
    virtual ~Workshop() = default;
    /// As build_disk().
    virtual std::filesystem::path build_base(const Recipe& recipe,
                                             const std::filesystem::path& work_directory,
                                             const BuildProgress& progress,
                                             std::stop_token stop) = 0;
    virtual std::unique_ptr<OfflineDisk> open_disk(const OfflineDiskSpec& spec) = 0;
    /// Runs the online step, shuts the instance down and terminates it. Returns the frozen layer of
    /// its root disk, which the operation pins and which stands on that of the image. One try.
    virtual LayerId provision(const TrialSpec& trial, const Step& step) = 0;
    /// Runs all of them in one instance, each as often as it may be tried, and terminates it.
    virtual void verify(const TrialSpec& trial, const std::vector<VerifyStep>& steps) = 0;
    /// Starts a copy into the caller's region.
    virtual ImageId copy_image(const images::Caller& caller,
                               const launcher::CopyImageRequest& request) = 0;
};

}  // namespace kiln::builder
