#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "builder/plan/stage_plan.hpp"
#include "images/catalog/scope.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// The layers that one build makes. What it began and did not keep is removed when it is destroyed.
/// What it kept is pinned by the build's operation, and found by the next build that has the same
/// stage. One thread.
class StageLayers {
  public:
    struct Dependencies {
        Database& database;
        const images::Pool& pool;
        const Clock& clock;
        images::Scope scope;
        OperationId operation;
        std::filesystem::path work_directory;
        std::stop_token stop;
    };
    explicit StageLayers(Dependencies dependencies) : use_(std::move(dependencies)) {}
    ~StageLayers();
    StageLayers(const StageLayers&) = delete;
    StageLayers& operator=(const StageLayers&) = delete;

    /// Pins the layers that earlier builds have made of the first stages, and says that they were
    /// used. See cached_layers().
    std::vector<LayerId> use_cached(const std::vector<Stage>& stages,
                                    const std::optional<LayerId>& base);
    /// Makes a finished disk the layer of the stage, which is a base.
    LayerId keep_base(const Stage& stage, const std::filesystem::path& disk, Bytes size);
    /// An empty live layer on the parent, as large.
    LayerId begin(const LayerId& parent);
    std::filesystem::path path_of(const LayerId& layer) const { return use_.pool.path_of(layer); }
    /// Whether so many layers are below it that it must stand on none when it is kept. Then the
    /// stage's layer is another one than was written.
    bool is_deep(const LayerId& layer);
    /// Freezes a layer that nobody writes to any more, and makes it that of the stage. One that is
    /// frozen already is only recorded. Returns the stage's layer.
    LayerId keep(const Stage& stage, const LayerId& layer, const LayerId& parent);
    /// Freezes what the failing step left, without making it a stage's; pinned.
    void keep_failed(const LayerId& layer);

  private:
    LayerId flattened(const LayerId& layer);
    void record(const Stage& stage, const LayerId& layer, const std::optional<LayerId>& parent);
    void forget_unfinished(const LayerId& layer);

    Dependencies use_;
    std::vector<LayerId> unfinished_;  // parents before children
};

}  // namespace kiln::builder
