#include "api/action.hpp"
#include "builder/builder.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::size_t layers = 0;
};

Structure<Result> output() {
    return Structure<Result>().integer(
        "Layers", "layers", [](const Result& r) { return static_cast<std::int64_t>(r.layers); });
}

Result handle(Services& services, const images::Caller& caller, const Arguments&) {
    return {services.builder.clear_build_cache(caller)};
}

}  // namespace

Action clear_build_cache() {
    return with_handler<Result>(
        {.name = "ClearBuildCache",
         .summary = "Remove the layers that are kept so that later builds need not make them again",
         .example = "kiln clear-build-cache",
         .parameters = {dry_run_parameter()},
         .table = {.columns = {"Layers"}},
         .is_local = true},
        output(), handle);
}

}  // namespace kiln::api
