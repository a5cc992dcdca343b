#include "api/action.hpp"
#include "api/shapes/recipe_parameters.hpp"
#include "builder/builder.hpp"

namespace kiln::api {

namespace {

using builder::PlannedStage;

struct Result {
    std::vector<PlannedStage> stages;
};

Structure<Result> output() {
    const auto stage = Structure<PlannedStage>()
                           .text("Name", "name", [](const PlannedStage& s) { return s.name; })
                           .text("State", "state",
                                 [](const PlannedStage& s) {
                                     return std::string(s.is_cached ? "cached" : "to-be-run");
                                 })
                           .text("Key", "key", [](const PlannedStage& s) { return s.key; });
    return Structure<Result>().list(
        "Stages", "stageSet", stage, [](const Result& r) -> const auto& { return r.stages; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result{services.builder.plan_build(caller, recipe_of(arguments), uses_cache(arguments))};
    caller.stop_if_dry_run();
    return result;
}

std::vector<Parameter> parameters() {
    std::vector<Parameter> all = recipe_parameters();
    all.push_back(dry_run_parameter());
    return all;
}

}  // namespace

Action get_image_build_plan() {
    return with_handler<Result>(
        {.name = "GetImageBuildPlan",
         .summary =
             "Show the stages that a build of a recipe would have, and which of them earlier "
             "builds have made already (`kiln build --dry-run` does)",
         .example = "kiln get-image-build-plan --recipe-text file://web.yaml",
         .parameters = parameters(),
         .table = {.rows = "Stages", .columns = {"Name", "State", "Key"}},
         .is_local = true},
        output(), handle);
}

}  // namespace kiln::api
