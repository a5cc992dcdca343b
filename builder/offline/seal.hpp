#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/offline/mounted_system.hpp"
#include "builder/offline/offline_steps.hpp"
#include "builder/recipe/step.hpp"

namespace kiln::builder {

enum class SealWay {
    remove,       // with all that is in it
    make_empty,   // the file stays: that it is there means something
    empty_below,  // the files below it stay, since programs write to them that do not make them
};

/// Something to be removed from a system that others are started from.
struct SealRule {
    std::optional<SealedThing> thing;  // absent: nobody can want to keep it
    SealWay way;
    std::string pattern;  // of the shell, for paths
};
/// Those that apply, in their order. Pure.
std::vector<SealRule> seal_rules(const SealStep& step);

/// The lines of an authorized_keys, without those of keys that trials had. Pure.
std::string without_trial_keys(const std::string& keys);

/// Removes what each instance must have of its own, and what nobody should see. No program of the
/// system runs, so that it may be of any architecture.
void seal(MountedSystem& system, const SealStep& step, const StepLog& log);

}  // namespace kiln::builder
