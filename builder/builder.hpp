#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "builder/recipe/recipe.hpp"
#include "builder/steps/build_disk.hpp"
#include "images/accounts/caller.hpp"

namespace kiln {
class Database;
}
namespace kiln::launcher {
class Regions;
}

namespace kiln::builder {

class Workshop;

/// How far a build is. `image` is pending until the build has ended.
struct ImageBuild {
    ImageId image;
    std::string name;
    std::string state;  // "building", "available", "failed", "canceled"
    std::string step;
    int percent = 0;
    std::string message;           // why it failed
    std::vector<std::string> log;  // the last lines
    Time started;
    /// What stays of a step that failed, if that was asked for: the id of an instance, or of a
    /// snapshot of the disk.
    std::string kept = {};
};

struct BuildRequest {
    std::string name;         // of the image; empty: as the recipe has it
    std::string description;  // empty: the recipe's
    Recipe recipe;
    bool use_cache = true;  // of layers that earlier builds have made
    bool keep_failed = false;
    /// A key pair of the caller's that opens the instance which is kept; empty: none does.
    std::string key_name = {};
};

/// A stage of a build that is not done yet.
struct PlannedStage {
    std::string name;
    std::string key;
    bool is_cached = false;  // an earlier build has made its layer, or it is an image's
};

/// Builds images from recipes, one at a time for each core, in threads of its own. Any thread.
class Builder {
  public:
    struct Dependencies {
        Database& database;
        const launcher::Regions& regions;
        const Clock& clock;
        std::filesystem::path work_directory;  // <ami-id> below it
        Bytes free_space_reserve;
        Workshop& workshop;
        Bytes cache_size;  // what the layers kept for later builds may occupy, in each region
    };
    explicit Builder(Dependencies dependencies);
    /// Cancels what is being built and waits for it.
    ~Builder();
    Builder(const Builder&) = delete;
    Builder& operator=(const Builder&) = delete;

    /// Undoes the builds that a crash cut off: their images fail, their files are removed.
    void recover();

    /// Registers a pending image and starts to build it. Throws for a bad or duplicate name, for a
    /// base that there is not, and for a region that there is not.
    ImageId build_image(const images::Caller& caller, const BuildRequest& request);
    /// The stages that a build of the recipe would have now, the base first.
    std::vector<PlannedStage> plan_build(const images::Caller& caller, const Recipe& recipe,
                                         bool use_cache) const;
    /// Forgets the layers of the caller that are kept for later builds; returns how many.
    std::size_t clear_build_cache(const images::Caller& caller);
    /// Cancels a build; when this returns nothing of it is left. Throws
    /// Error{InvalidAMIID.NotFound} when the caller has no such build, and Error{IncorrectState}
    /// when it has ended.
    void cancel_image_build(const images::Caller& caller, const ImageId& image);
    /// The caller's builds since the service started, newest last.
    std::vector<ImageBuild> describe_image_builds(const images::Caller& caller);
    /// Blocks until no build goes on. For tests and an orderly stop.
    void wait_until_idle();

  private:
    struct Running;

    void check_space(const images::Caller& caller, const Recipe& recipe) const;
    void check_unfinished_builds(const images::Caller& caller);
    std::filesystem::path directory_of(const ImageId& image) const;
    void forget_oldest();
    std::shared_ptr<Running> find_build(const images::Caller& caller, const ImageId& image);
    void run(Running& build, std::stop_token stop);
    void make_image(Running& build, std::stop_token stop);
    void make_of_packages(Running& build, const BuildProgress& progress, std::stop_token stop);
    void make_in_stages(Running& build, const BuildProgress& progress, std::stop_token stop);
    void share(const Running& build);
    std::string copy_to_regions(Running& build);
    void collect(const Running& build) noexcept;
    void report(Running& build, int percent, const std::string& step);
    void log(Running& build, std::string_view line);
    void end_canceled(Running& build);
    void end_failed(Running& build, const std::string& reason);
    void set_state(Running& build, const std::string& state, const std::string& message);
    void set_ended(Running& build);

    Dependencies dependencies_;
    std::mutex mutex_;
    std::condition_variable_any changed_;  // a build ended, or a core is free
    unsigned busy_cores_ = 0;
    std::vector<std::shared_ptr<Running>> builds_;  // oldest first
    std::stop_source service_stops_;
    std::jthread cleaner_;  // of what earlier services left
};

}  // namespace kiln::builder
