#include <cstdlib>

#include "api/action.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using launcher::CollectedLayer;
using launcher::GarbageCollection;
using launcher::LayerFate;

std::string to_text(LayerFate fate) {
    switch (fate) {
        case LayerFate::remove:
            return "remove";
        case LayerFate::merge:
            return "merge";
        case LayerFate::keep:
            return "keep";
    }
    std::abort();
}

std::int64_t to_number(Bytes size) {
    return static_cast<std::int64_t>(size.value);
}

Structure<GarbageCollection> output() {
    const auto layer =
        Structure<CollectedLayer>()
            .text("LayerId", "layerId", [](const CollectedLayer& l) { return l.layer.str(); })
            .integer("Size", "size", [](const CollectedLayer& l) { return to_number(l.size); })
            .text("Action", "action", [](const CollectedLayer& l) { return to_text(l.fate); })
            .text("IntoLayerId", "intoLayerId",
                  [](const CollectedLayer& l) {
                      return l.into ? std::optional(l.into->str()) : std::nullopt;
                  })
            .text("Reason", "reason", [](const CollectedLayer& l) { return l.reason; });
    return Structure<GarbageCollection>()
        .list(
            "Layers", "layerSet", layer,
            [](const GarbageCollection& c) -> const auto& { return c.layers; })
        .integer("FreedSize", "freedSize",
                 [](const GarbageCollection& c) { return to_number(c.freed); });
}

GarbageCollection handle(Services& services, const images::Caller& caller, const Arguments&) {
    return services.launcher.collect_garbage(caller);
}

}  // namespace

Action collect_garbage() {
    return with_handler<GarbageCollection>(
        {.name = "CollectGarbage",
         .summary = "Remove layers that nothing needs, and merge those that one other needs alone",
         .example = "kiln collect-garbage --dry-run",
         .parameters = {{.name = "DryRun",
                         .wire = "DryRun",
                         .shape = Shape::boolean,
                         .help = "Only explain: answer with what would become of each layer, and "
                                 "with how many bytes that frees at most, and change nothing"}},
         .table = {.rows = "Layers", .columns = {"LayerId", "Size", "Action", "Reason"}},
         .answers_dry_run = true},
        output(), handle);
}

}  // namespace kiln::api
