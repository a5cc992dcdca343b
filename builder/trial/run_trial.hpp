#pragma once

#include <vector>

#include "builder/trial/trial.hpp"

namespace kiln::builder {

/// As Workshop::provision.
LayerId provision(const TrialTools& tools, const TrialSpec& spec, const Step& step);
/// As Workshop::verify.
void verify(const TrialTools& tools, const TrialSpec& spec, const std::vector<VerifyStep>& steps);

}  // namespace kiln::builder
