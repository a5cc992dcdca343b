#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/builder.hpp"
#include "builder/registration.hpp"
#include "builder/remove_tree.hpp"
#include "builder/running_build.hpp"
#include "builder/stages/recipe_run.hpp"
#include "builder/stages/stage_cache.hpp"
#include "images/accounts/organization.hpp"
#include "images/catalog/permission.hpp"
#include "images/layers/collection.hpp"
#include "launcher/regions/regions.hpp"
#include "launcher/sharing/image_attributes.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t max_log_lines = 200;
constexpr std::size_t longest_log_line = 2'000;

launcher::Grantees grantees_of(const Recipe& recipe) {
    launcher::Grantees grantees;
    for (const std::string& grantee : recipe.launch_permissions) {
        if (grantee == images::everybody) {
            grantees.groups.push_back(grantee);
        } else if (images::is_organization_arn(grantee)) {
            grantees.organizations.push_back(grantee);
        } else if (images::is_unit_arn(grantee)) {
            grantees.units.push_back(grantee);
        } else {
            grantees.accounts.push_back(grantee);
        }
    }
    return grantees;
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

void Builder::run(Running& build, std::stop_token stop) {
    try {
        make_image(build, std::move(stop));
        set_state(build, build_state::available, copy_to_regions(build));
        // The image is there; nobody needs to wait until the files that it was made from are gone.
        collect(build);
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
    if (has_stages(build.recipe)) {
        make_in_stages(build, progress, std::move(stop));
    } else {
        make_of_packages(build, progress, std::move(stop));
    }
    report(build, 100, "done");
}

void Builder::make_of_packages(Running& build, const BuildProgress& progress,
                               std::stop_token stop) {
    const std::filesystem::path disk = dependencies_.workshop.build_base(
        build.recipe, directory_of(build.registration.image), progress, stop);
    if (stop.stop_requested()) throw Error("Canceled", "", "the build was canceled");
    report(build, 99, "registering the image");
    share(build);
    publish_build(dependencies_.database, dependencies_.regions.get(build.caller.region).pool,
                  {.registration = build.registration,
                   .caller = build.caller,
                   .recipe = build.recipe,
                   .disk = disk,
                   .now = dependencies_.clock.now()});
}

void Builder::make_in_stages(Running& build, const BuildProgress& progress, std::stop_token stop) {
    RecipeRun::Work work{.caller = build.caller,
                         .registration = build.registration,
                         .recipe = build.recipe,
                         .base = build.base,
                         .directory = directory_of(build.registration.image),
                         .progress = progress,
                         .stop = std::move(stop),
                         .use_cache = build.use_cache,
                         .key_name = build.key_name};
    if (build.keep_failed) {
        work.on_kept = [&](const std::string& id) {
            const std::lock_guard lock(mutex_);
            build.status.kept = id;
        };
    }
    RecipeRun run({.database = dependencies_.database,
                   .region = dependencies_.regions.get(build.caller.region),
                   .clock = dependencies_.clock,
                   .workshop = dependencies_.workshop},
                  std::move(work));
    run.make_candidate();
    report(build, 99, "registering the image");
    share(build);
    publish_root(dependencies_.database, build.registration, build.caller, build.recipe);
}

/// Before it is available, so that it never is without being shared as the recipe says.
void Builder::share(const Running& build) {
    if (build.recipe.launch_permissions.empty()) return;
    launcher::modify_image_attribute(
        dependencies_.database, build.caller,
        {.image = build.registration.image, .add = grantees_of(build.recipe)});
}

/// The image is there, whatever becomes of its copies. Returns what went wrong.
std::string Builder::copy_to_regions(Running& build) {
    std::string failures;
    for (const std::string& region : build.recipe.regions) {
        images::Caller there = build.caller;
        there.region = region;
        try {
            const ImageId copy =
                dependencies_.workshop.copy_image(there, {.source_region = build.caller.region,
                                                          .source = build.registration.image,
                                                          .name = build.status.name,
                                                          .description = build.recipe.description,
                                                          .copy_image_tags = true});
            log(build, fmt::format("{} is being copied to {} as {}", build.registration.image.str(),
                                   region, copy.str()));
        } catch (const std::exception& error) {
            failures += fmt::format("{}it cannot be copied to {}: {}", failures.empty() ? "" : "; ",
                                    region, error.what());
        }
    }
    return failures;
}

void Builder::collect(const Running& build) noexcept try {
    const images::Pool& pool = dependencies_.regions.get(build.caller.region).pool;
    bound_cache(dependencies_.database, pool, build.caller.region, dependencies_.cache_size);
    images::collect_layers(dependencies_.database, pool, build.caller.region);
} catch (const std::exception& exception) {
    // The next collection does it.
    spdlog::error("cannot collect layers of {}: {}", build.caller.region, exception.what());
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
    lines.emplace_back(line.substr(0, longest_log_line));
}

void Builder::end_canceled(Running& build) {
    remove_tree(directory_of(build.registration.image), service_stops_.get_token());
    try {
        withdraw_build(dependencies_.database, build.registration, dependencies_.clock.now());
        collect(build);
        set_state(build, build_state::canceled, "");
    } catch (const Error& error) {
        // The operation still stands: the next start of the service ends it.
        spdlog::error("cannot withdraw {}: {}", build.registration.image.str(), error.message());
        set_state(build, build_state::failed, error.message());
    }
    set_ended(build);
}

void Builder::end_failed(Running& build, const std::string& reason) {
    spdlog::warn("the build of {} has failed: {}", build.registration.image.str(),
                 on_one_line(reason));
    remove_tree(directory_of(build.registration.image), service_stops_.get_token());
    try {
        fail_build(dependencies_.database, build.registration, reason, dependencies_.clock.now());
        collect(build);
    } catch (const Error& error) {
        // So too.
        spdlog::error("cannot fail {}: {}", build.registration.image.str(), error.message());
    }
    set_state(build, build_state::failed, reason);
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
