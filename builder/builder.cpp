#include "builder/builder.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "builder/registration.hpp"
#include "builder/remove_tree.hpp"
#include "builder/steps/build_disk.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t max_log_lines = 200;
constexpr std::size_t max_remembered_builds = 100;
constexpr int max_unfinished_builds = 16;  // of an account
constexpr const char* building = "building";
constexpr const char* canceled = "canceled";

/// Room that a build needs at its fullest: the packages, the system and the disk with it. What a
/// recipe adds is not known before; a full disk fails the build.
Bytes space_needed(RecipeKind kind) {
    switch (kind) {
        case RecipeKind::debian:
            return Bytes::mebibytes(2560);
        case RecipeKind::tiny:
            return Bytes::mebibytes(512);
        case RecipeKind::pv_appliance:
            return Bytes::mebibytes(1024);
    }
    return {};
}

unsigned cores() {
    return std::max(std::thread::hardware_concurrency(), 1U);
}

/// Holds one of the cores while it lives.
class CoreHold {
  public:
    CoreHold(std::unique_lock<std::mutex>& lock, std::condition_variable_any& changed,
             unsigned& busy, std::stop_token stop)
        : mutex_(*lock.mutex()), changed_(changed), busy_(busy) {
        const bool free = changed.wait(lock, stop, [&] { return busy < cores(); });
        if (!free || stop.stop_requested()) throw Error("Canceled", "", "the build was canceled");
        ++busy_;
    }
    CoreHold(const CoreHold&) = delete;
    CoreHold& operator=(const CoreHold&) = delete;
    ~CoreHold() {
        const std::lock_guard lock(mutex_);
        --busy_;
        changed_.notify_all();
    }

  private:
    std::mutex& mutex_;
    std::condition_variable_any& changed_;
    unsigned& busy_;
};

}  // namespace

struct Builder::Running {
    images::Caller caller;
    Recipe recipe;
    Registration registration;
    ImageBuild status;    // guarded by the builder's mutex
    bool ended = false;   // so too; set when nothing of it is left to do
    std::jthread thread;  // last, so that it ends before what it uses goes
};

Builder::Builder(Dependencies dependencies) : dependencies_(std::move(dependencies)) {}

Builder::~Builder() {
    service_stops_.request_stop();  // what is not removed yet, the next start removes
    for (const auto& build : builds_)
        build->thread.request_stop();
    builds_.clear();
}

std::filesystem::path Builder::directory_of(const ImageId& image) const {
    return dependencies_.work_directory / image.str();
}

void Builder::check_space(const images::Caller& caller, const Recipe& recipe) const {
    dependencies_.regions.get(caller.region)
        .pool.check_space(space_needed(recipe.kind), dependencies_.free_space_reserve);
}

void Builder::recover() {
    // Also what a build that was already published had not removed yet. Nobody waits for it.
    std::error_code none;
    std::vector<std::filesystem::path> leftovers;
    for (const auto& entry :
         std::filesystem::directory_iterator(dependencies_.work_directory, none)) {
        leftovers.push_back(entry.path());
    }
    cleaner_ = std::jthread([leftovers, stop = service_stops_.get_token()] {
        for (const auto& directory : leftovers)
            remove_tree(directory, stop);
    });
    const auto operations =
        dependencies_.database.read([](Session& s) { return images::open_operations(s); });
    for (const images::Operation& operation : operations) {
        if (operation.kind != build_operation_kind) continue;
        const ImageId image(operation.resource_id);
        spdlog::warn("the build of {} was cut off; its image fails", image.str());
        fail_build(dependencies_.database, {.image = image, .operation = operation.id},
                   "the service stopped while the image was built: build it again");
    }
}

ImageId Builder::build_image(const images::Caller& caller, const BuildRequest& request) {
    check_space(caller, request.recipe);
    check_unfinished_builds(caller);
    const std::string& description =
        request.description.empty() ? request.recipe.description : request.description;
    const Time now = dependencies_.clock.now();
    const Registration registration =
        register_build(dependencies_.database, {.caller = caller,
                                                .name = request.name,
                                                .description = description,
                                                .recipe = request.recipe,
                                                .now = now});
    auto build =
        std::make_shared<Running>(Running{.caller = caller,
                                          .recipe = request.recipe,
                                          .registration = registration,
                                          .status = {.image = registration.image,
                                                     .name = request.name,
                                                     .state = building,
                                                     .step = "waiting for a free processor",
                                                     .started = now}});
    const std::lock_guard lock(mutex_);
    forget_oldest();
    Running& running = *build;
    builds_.push_back(std::move(build));
    running.thread =
        std::jthread([this, &running](std::stop_token stop) { run(running, std::move(stop)); });
    return registration.image;
}

void Builder::check_unfinished_builds(const images::Caller& caller) {
    const std::lock_guard lock(mutex_);
    const auto unfinished = std::ranges::count_if(builds_, [&](const auto& build) {
        return !build->ended && build->caller.account == caller.account;
    });
    if (unfinished < max_unfinished_builds) return;
    throw Error(
        "RequestLimitExceeded", "",
        fmt::format("{} builds of yours have not ended: wait for one, or cancel it", unfinished));
}

void Builder::forget_oldest() {
    if (builds_.size() < max_remembered_builds) return;
    const auto oldest = std::ranges::find_if(builds_, [](const auto& b) { return b->ended; });
    if (oldest != builds_.end()) builds_.erase(oldest);
}

std::shared_ptr<Builder::Running> Builder::find_build(const images::Caller& caller,
                                                      const ImageId& image) {
    const auto found = std::ranges::find_if(builds_, [&](const auto& build) {
        return build->registration.image == image && build->caller.account == caller.account &&
               build->caller.region == caller.region;
    });
    if (found != builds_.end()) return *found;
    throw Error("InvalidAMIID.NotFound", image.str(),
                fmt::format("The image id '[{}]' does not exist", image.str()));
}

void Builder::cancel_image_build(const images::Caller& caller, const ImageId& image) {
    std::unique_lock lock(mutex_);
    const std::shared_ptr<Running> build = find_build(caller, image);
    const auto too_late = [&] {
        return Error(
            "IncorrectState", image.str(),
            fmt::format("The build of '{}' has ended: it is {}", image.str(), build->status.state));
    };
    if (build->status.state != building) throw too_late();
    caller.stop_if_dry_run();
    build->thread.request_stop();
    changed_.wait(lock, [&] { return build->ended; });
    if (build->status.state != canceled) throw too_late();
}

std::vector<ImageBuild> Builder::describe_image_builds(const images::Caller& caller) {
    std::vector<ImageBuild> builds;
    const std::lock_guard lock(mutex_);
    for (const auto& build : builds_) {
        if (build->caller.account != caller.account || build->caller.region != caller.region) {
            continue;
        }
        builds.push_back(build->status);
    }
    return builds;
}

void Builder::wait_until_idle() {
    if (cleaner_.joinable()) cleaner_.join();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
        return std::ranges::all_of(builds_, [](const auto& build) { return build->ended; });
    });
}

void Builder::run(Running& build, std::stop_token stop) {
    try {
        make_image(build, std::move(stop));
        // The image is there; nobody needs to wait until the files that it was made from are gone.
        set_state(build, "available", "");
        remove_tree(directory_of(build.registration.image), service_stops_.get_token());
        set_ended(build);
    } catch (const Error& error) {
        if (error.code() == "Canceled") {
            end_canceled(build);
        } else {
            end_failed(build, error.message());
        }
    } catch (const std::exception& exception) {
        end_failed(build, exception.what());
    }
}

void Builder::make_image(Running& build, std::stop_token stop) {
    const std::filesystem::path directory = directory_of(build.registration.image);
    const BuildProgress progress{
        .on_step = [&](int percent, const std::string& step) { report(build, percent, step); },
        .on_log = [&](std::string_view line) { log(build, line); }};
    std::unique_lock lock(mutex_);
    const CoreHold core(lock, changed_, busy_cores_, stop);
    lock.unlock();
    std::filesystem::create_directories(directory);
    const std::filesystem::path disk = build_disk(build.recipe, directory, progress, stop);
    if (stop.stop_requested()) throw Error("Canceled", "", "the build was canceled");
    report(build, 99, "registering the image");
    publish_build(dependencies_.database, dependencies_.regions.get(build.caller.region).pool,
                  {.registration = build.registration,
                   .caller = build.caller,
                   .recipe = build.recipe,
                   .disk = disk,
                   .now = dependencies_.clock.now()});
    report(build, 100, "done");
}

void Builder::report(Running& build, int percent, const std::string& step) {
    const std::lock_guard lock(mutex_);
    build.status.percent = percent;
    build.status.step = step;
}

void Builder::log(Running& build, std::string_view line) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string>& lines = build.status.log;
    if (lines.size() == max_log_lines) lines.erase(lines.begin());
    lines.emplace_back(line);
}

void Builder::end_canceled(Running& build) {
    remove_tree(directory_of(build.registration.image), service_stops_.get_token());
    try {
        withdraw_build(dependencies_.database, build.registration);
        set_state(build, canceled, "");
    } catch (const Error& error) {
        // The operation still stands: the next start of the service ends it.
        spdlog::error("cannot withdraw {}: {}", build.registration.image.str(), error.message());
        set_state(build, "failed", error.message());
    }
    set_ended(build);
}

void Builder::end_failed(Running& build, const std::string& reason) {
    spdlog::warn("the build of {} has failed: {}", build.registration.image.str(), reason);
    remove_tree(directory_of(build.registration.image), service_stops_.get_token());
    try {
        fail_build(dependencies_.database, build.registration, reason);
    } catch (const Error& error) {
        // So too.
        spdlog::error("cannot fail {}: {}", build.registration.image.str(), error.message());
    }
    set_state(build, "failed", reason);
    set_ended(build);
}

void Builder::set_state(Running& build, const std::string& state, const std::string& message) {
    const std::lock_guard lock(mutex_);
    build.status.state = state;
    build.status.message = message;
}

void Builder::set_ended(Running& build) {
    const std::lock_guard lock(mutex_);
    build.ended = true;
    changed_.notify_all();
}

}  // namespace kiln::builder
