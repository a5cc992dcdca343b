#include "builder/builder.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "builder/plan/stage_plan.hpp"
#include "builder/recipe/image_name.hpp"
#include "builder/registration.hpp"
#include "builder/remove_tree.hpp"
#include "builder/running_build.hpp"
#include "builder/stages/stage_cache.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/key_pair.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t max_remembered_builds = 100;
constexpr int max_unfinished_builds = 16;  // of an account

/// Room that a build needs at its fullest: the packages, the system and the disk with it. What a
/// recipe adds is not known before; a full disk fails the build.
Bytes space_needed(const Recipe& recipe) {
    if (!is_made_of_packages(recipe)) return Bytes::mebibytes(512);
    switch (recipe.kind) {
        case RecipeKind::debian:
            return Bytes::mebibytes(2560);
        case RecipeKind::tiny:
            return Bytes::mebibytes(512);
        case RecipeKind::pv_appliance:
            return Bytes::mebibytes(1024);
    }
    return {};
}

std::string name_of(const BuildRequest& request, const Recipe& recipe, Time now) {
    if (!request.name.empty()) return request.name;
    return expand_name(
        recipe.name, {.now = now, .version = recipe.version, .architecture = recipe.architecture});
}

}  // namespace

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
        .pool.check_space(space_needed(recipe), dependencies_.free_space_reserve);
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
                   "the service stopped while the image was built: build it again",
                   dependencies_.clock.now());
    }
}

ImageId Builder::build_image(const images::Caller& caller, const BuildRequest& request) {
    check_space(caller, request.recipe);
    check_unfinished_builds(caller);
    for (const std::string& region : request.recipe.regions)
        dependencies_.regions.get(region);
    const Time now = dependencies_.clock.now();
    // Until the layer of the base is pinned.
    const auto reading = dependencies_.regions.get(caller.region).chains->read();
    auto build = dependencies_.database.write([&](Session& session) {
        if (!request.key_name.empty())
            images::get_key_pair(session, caller.scope(), request.key_name);
        auto base = find_base_image(session, caller, request.recipe, now);
        Recipe recipe = completed(request.recipe, base);
        const std::string name = name_of(request, recipe, now);
        const Registration registration = register_build(
            session,
            {.caller = caller,
             .name = name,
             .description = request.description.empty() ? recipe.description : request.description,
             .recipe = recipe,
             .now = now,
             .base = base ? &*base : nullptr});
        return std::make_shared<Running>(Running{.caller = caller,
                                                 .recipe = std::move(recipe),
                                                 .base = std::move(base),
                                                 .use_cache = request.use_cache,
                                                 .keep_failed = request.keep_failed,
                                                 .key_name = request.key_name,
                                                 .registration = registration,
                                                 .status = {.image = registration.image,
                                                            .name = name,
                                                            .state = build_state::building,
                                                            .step = "waiting for a free processor",
                                                            .started = now}});
    });
    ImageId image = build->registration.image;
    const std::lock_guard lock(mutex_);
    forget_oldest();
    Running& running = *build;
    builds_.push_back(std::move(build));
    running.thread =
        std::jthread([this, &running](std::stop_token stop) { run(running, std::move(stop)); });
    return image;
}

std::vector<PlannedStage> Builder::plan_build(const images::Caller& caller, const Recipe& recipe,
                                              bool use_cache) const {
    const Time now = dependencies_.clock.now();
    return dependencies_.database.read([&](Session& session) {
        const auto base = find_base_image(session, caller, recipe, now);
        const auto layer = base ? std::optional(base->layer) : std::nullopt;
        const Recipe whole = completed(recipe, base);
        const auto stages = plan_stages(whole, layer);
        std::size_t cached = base ? 1 : 0;
        if (use_cache && has_stages(whole))
            cached = cached_layers(session, caller.scope(), stages, layer, now).size();
        std::vector<PlannedStage> planned;
        planned.reserve(stages.size());
        for (const Stage& stage : stages) {
            planned.push_back(
                {.name = stage.name, .key = stage.key, .is_cached = planned.size() < cached});
        }
        return planned;
    });
}

std::size_t Builder::clear_build_cache(const images::Caller& caller) {
    const launcher::Region& region = dependencies_.regions.get(caller.region);
    caller.stop_if_dry_run();
    return clear_cache(dependencies_.database, region.pool, caller.scope());
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
    if (build->status.state != build_state::building) throw too_late();
    caller.stop_if_dry_run();
    build->thread.request_stop();
    changed_.wait(lock, [&] { return build->ended; });
    if (build->status.state != build_state::canceled) throw too_late();
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

}  // namespace kiln::builder
