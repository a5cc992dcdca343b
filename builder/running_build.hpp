#pragma once

#include <optional>
#include <thread>

#include "builder/builder.hpp"
#include "builder/registration.hpp"
#include "builder/stages/base_image.hpp"

namespace kiln::builder {

/// States of an ImageBuild.
namespace build_state {
inline constexpr const char* building = "building";
inline constexpr const char* available = "available";
inline constexpr const char* failed = "failed";
inline constexpr const char* canceled = "canceled";
}  // namespace build_state

/// Whether a build goes through stages. Without steps there is nothing that a later build could go
/// on from.
inline bool has_stages(const Recipe& recipe) {
    return !is_made_of_packages(recipe) || !recipe.steps.empty() || !recipe.verify.empty();
}

struct Builder::Running {
    images::Caller caller;
    Recipe recipe;
    std::optional<BaseImage> base;
    bool use_cache;
    bool keep_failed;
    std::string key_name;
    Registration registration;
    ImageBuild status;    // guarded by the builder's mutex
    bool ended = false;   // so too; set when nothing of it is left to do
    std::jthread thread;  // last, so that it ends before what it uses goes
};

}  // namespace kiln::builder
