#include "builder/stages/recipe_run.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/market/product_code.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::builder {

namespace {

constexpr const char* canceled = "Canceled";
constexpr int percent_of_base = 50;   // of the whole build, when the base is done
constexpr int percent_of_steps = 90;  // when the steps are done

std::optional<LayerId> layer_of(const std::optional<BaseImage>& base) {
    if (!base) return std::nullopt;
    return base->layer;
}

std::string tries(int count) {
    return count == 1 ? "" : fmt::format(" at the try number {}", count);
}

}  // namespace

RecipeRun::RecipeRun(Dependencies dependencies, Work work)
    : use_(dependencies),
      work_(std::move(work)),
      stages_(plan_stages(work_.recipe, layer_of(work_.base))),
      layers_({.database = use_.database,
               .pool = use_.region.pool,
               .clock = use_.clock,
               .scope = work_.caller.scope(),
               .operation = work_.registration.operation,
               .work_directory = work_.directory,
               .stop = work_.stop}) {}

void RecipeRun::make_candidate() {
    give_root_of(make_layers());
    if (!work_.recipe.verify.empty()) verify();
    stop_if_canceled();
}

std::vector<LayerId> RecipeRun::use_cached() {
    if (!work_.use_cache) return {};
    // Until they are pinned.
    const auto reading = use_.region.chains->read();
    auto cached = layers_.use_cached(stages_, layer_of(work_.base));
    for (std::size_t i = 0; i < cached.size(); ++i) {
        log(fmt::format("{}: {}", stages_[i].name,
                        i == 0 && work_.base ? work_.base->image.id.str() : "cached"));
    }
    return cached;
}

LayerId RecipeRun::make_layers() {
    const std::vector<LayerId> cached = use_cached();
    LayerId top = cached.empty() ? make_base() : cached.back();
    std::size_t next = std::max<std::size_t>(cached.size(), 1);
    while (next < stages_.size()) {
        stop_if_canceled();
        if (stages_[next].kind == StageKind::offline) {
            next = run_offline(next, top);
        } else {
            top = run_online(next, top);
            ++next;
        }
    }
    return top;
}

LayerId RecipeRun::make_base() {
    if (work_.base) return work_.base->layer;
    const BuildProgress progress{.on_step =
                                     [this](int percent, const std::string& step) {
                                         if (work_.progress.on_step)
                                             work_.progress.on_step(percent * percent_of_base / 100,
                                                                    step);
                                     },
                                 .on_log = work_.progress.on_log};
    const auto disk = use_.workshop.build_base(work_.recipe, work_.directory, progress, work_.stop);
    stop_if_canceled();
    return layers_.keep_base(stages_.front(), disk, work_.recipe.size);
}

/// Runs that stage and the offline ones that follow it in one appliance, each into a layer of its
/// own; `parent` becomes the last one's. Returns the stage after them.
std::size_t RecipeRun::run_offline(std::size_t first, LayerId& parent) {
    LayerId layer = layers_.begin(parent);
    auto disk = open_disk(layer);
    for (std::size_t index = first;; ++index) {
        report(index);
        apply_offline(index, *disk, layer);
        const std::size_t next = index + 1;
        const bool is_last = next == stages_.size() || stages_[next].kind != StageKind::offline;
        if (is_last || layers_.is_deep(layer)) {
            disk->finish();
            disk.reset();
            parent = layers_.keep(stages_[index], layer, parent);
            if (is_last) return next;
            layer = layers_.begin(parent);
            disk = open_disk(layer);
        } else {
            const LayerId overlay = layers_.begin(layer);
            disk->go_on_in(layers_.path_of(overlay));
            parent = layers_.keep(stages_[index], layer, parent);
            layer = overlay;
        }
    }
}

void RecipeRun::apply_offline(std::size_t index, OfflineDisk& disk, const LayerId& layer) {
    const Step& step = work_.recipe.steps.at(stages_[index].step.value());
    try {
        try_step(index, [&] { disk.apply(step); });
    } catch (const Error& error) {
        if (error.code() != canceled && work_.on_kept) keep_disk(disk, layer);
        throw;
    }
}

LayerId RecipeRun::run_online(std::size_t index, const LayerId& parent) {
    report(index);
    give_root_of(parent);
    const Step& step = work_.recipe.steps.at(stages_[index].step.value());
    std::optional<LayerId> layer;
    int tries_left = step.retries;
    try_step(index, [&] {
        TrialSpec spec = trial();
        // Of several tries the last one stays.
        if (tries_left-- > 0) spec.on_kept = nullptr;
        layer = use_.workshop.provision(spec, step);
    });
    return layers_.keep(stages_[index], layer.value(), parent);
}

void RecipeRun::try_step(std::size_t index, const std::function<void()>& attempt) {
    const Step& step = work_.recipe.steps.at(stages_[index].step.value());
    for (int count = 1;; ++count) {
        try {
            return attempt();
        } catch (const Error& error) {
            if (error.code() == canceled) throw;
            const std::string failure =
                fmt::format("{} failed{}: {}", stages_[index].name, tries(count), error.message());
            if (count > step.retries) throw Error(error.code(), error.resource(), failure);
            log(failure);
        }
        stop_if_canceled();
    }
}

void RecipeRun::verify() {
    if (work_.progress.on_step) work_.progress.on_step(percent_of_steps, "verifying the candidate");
    try {
        use_.workshop.verify(trial(), work_.recipe.verify);
    } catch (const Error& error) {
        if (error.code() == canceled) throw;
        throw Error(error.code(), error.resource(),
                    fmt::format("verify failed: {}", error.message()));
    }
}

void RecipeRun::give_root_of(const LayerId& layer) {
    const Bytes layer_size = use_.database.read([&](Session& session) {
        return images::find_layer(session, work_.caller.region, layer).value().virtual_size;
    });
    give_root(use_.database,
              {.registration = work_.registration,
               .caller = work_.caller,
               .layer = layer,
               .stored_size = use_.region.pool.allocated_size(layer),
               .volume_size = std::max(layer_size, work_.recipe.size),
               .made_of = work_.base ? std::optional(work_.base->snapshot) : std::nullopt,
               .now = use_.clock.now()});
}

/// What a failed step has written becomes a snapshot, to make a volume of and look at.
void RecipeRun::keep_disk(OfflineDisk& disk, const LayerId& layer) try {
    disk.finish();
    layers_.keep_failed(layer);
    const SnapshotId id = SnapshotId::generate();
    use_.database.write([&](Session& session) {
        const auto row = images::find_layer(session, work_.caller.region, layer).value();
        images::insert_snapshot(session, {.id = id,
                                          .owner = work_.caller.account,
                                          .region = work_.caller.region,
                                          .layer = layer,
                                          .state = images::SnapshotState::completed,
                                          .volume_size = row.virtual_size,
                                          .stored_size = use_.region.pool.allocated_size(layer),
                                          .description = "What a failed step of a build has left",
                                          .created = use_.clock.now()});
        if (work_.base)
            images::inherit_product_codes(session, work_.base->snapshot.str(), id.str());
    });
    work_.on_kept(id.str());
} catch (const Error& error) {
    // Why the step failed is what is to be told.
    log(fmt::format("what the step has left cannot be kept: {}", error.message()));
}

std::unique_ptr<OfflineDisk> RecipeRun::open_disk(const LayerId& layer) {
    return use_.workshop.open_disk({.disk = layers_.path_of(layer),
                                    .architecture = work_.recipe.architecture,
                                    .mirror = work_.recipe.mirror,
                                    .on_log = work_.progress.on_log,
                                    .stop = work_.stop});
}

TrialSpec RecipeRun::trial() const {
    TrialSpec spec{.caller = work_.caller,
                   .image = work_.registration.image,
                   .operation = work_.registration.operation,
                   .on_log = work_.progress.on_log,
                   .stop = work_.stop};
    if (!work_.on_kept) return spec;
    spec.key_name = work_.key_name;
    spec.on_kept = [this](const InstanceId& instance) { work_.on_kept(instance.str()); };
    return spec;
}

void RecipeRun::report(std::size_t stage) const {
    if (!work_.progress.on_step) return;
    const int width = percent_of_steps - percent_of_base;
    const auto done =
        static_cast<int>((stage - 1) * static_cast<std::size_t>(width) / (stages_.size() - 1));
    work_.progress.on_step(percent_of_base + done, stages_[stage].name);
}

void RecipeRun::log(const std::string& line) const {
    if (work_.progress.on_log) work_.progress.on_log(line);
}

void RecipeRun::stop_if_canceled() const {
    if (work_.stop.stop_requested()) throw Error(canceled, "", "the build was canceled");
}

}  // namespace kiln::builder
