#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "builder/plan/stage_plan.hpp"
#include "builder/registration.hpp"
#include "builder/stages/base_image.hpp"
#include "builder/stages/stage_layers.hpp"
#include "builder/stages/workshop.hpp"

namespace kiln::launcher {
struct Region;
}

namespace kiln::builder {

/// A recipe's way to an image: the stages that earlier builds have not made already, one after the
/// other, then a trial of the candidate. One thread.
class RecipeRun {
  public:
    struct Dependencies {
        Database& database;
        const launcher::Region& region;
        const Clock& clock;
        Workshop& workshop;
    };
    struct Work {
        const images::Caller& caller;
        const Registration& registration;
        const Recipe& recipe;  // completed()
        const std::optional<BaseImage>& base;
        std::filesystem::path directory;  // to work in; exists
        const BuildProgress& progress;
        std::stop_token stop;
        bool use_cache = true;
        std::string key_name = {};  // of the caller's, for an instance that stays; may be empty
        /// Told what stays of a step that failed, its instance's id or a snapshot's; empty:
        /// nothing.
        std::function<void(const std::string& id)> on_kept;
    };
    RecipeRun(Dependencies dependencies, Work work);

    /// Gives the pending image a root made by all stages, and tries it. Throws Error{BuildFailed}
    /// that begins with the name of the stage that failed, Error{Canceled} after a stop.
    void make_candidate();

  private:
    std::vector<LayerId> use_cached();
    LayerId make_layers();
    LayerId make_base();
    std::size_t run_offline(std::size_t first, LayerId& parent);
    void apply_offline(std::size_t index, OfflineDisk& disk, const LayerId& layer);
    LayerId run_online(std::size_t index, const LayerId& parent);
    void try_step(std::size_t index, const std::function<void()>& attempt);
    void verify();
    void give_root_of(const LayerId& layer);
    void keep_disk(OfflineDisk& disk, const LayerId& layer);
    std::unique_ptr<OfflineDisk> open_disk(const LayerId& layer);
    TrialSpec trial() const;
    void report(std::size_t stage) const;
    void log(const std::string& line) const;
    void stop_if_canceled() const;

    Dependencies use_;
    Work work_;
    std::vector<Stage> stages_;
    StageLayers layers_;
};

}  // namespace kiln::builder
