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
#include "images/accounts/caller.hpp"

namespace kiln {
class Database;
}
namespace kiln::launcher {
class Regions;
}

namespace kiln::builder {

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
};

struct BuildRequest {
    std::string name;         // of the image
    std::string description;  // empty: the recipe's
    Recipe recipe;
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
    };
    explicit Builder(Dependencies dependencies);
    /// Cancels what is being built and waits for it.
    ~Builder();
    Builder(const Builder&) = delete;
    Builder& operator=(const Builder&) = delete;

    /// Undoes the builds that a crash cut off: their images fail, their files are removed.
    void recover();

    /// Registers a pending image and starts to build it. Throws for a bad or duplicate name.
    ImageId build_image(const images::Caller& caller, const BuildRequest& request);
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
