#pragma once

#include <chrono>
#include <string>

#include "cli/terminal/progress.hpp"

namespace kiln::cli {

/// How far a task of the service is: a bar on a terminal; elsewhere a line for each step.
class TaskProgress {
  public:
    /// On a terminal `detail` stands in the place of the step, where there is one.
    void show(int percent, const std::string& step, const std::string& detail = {});
    /// Shows it for so long, or until ^C is pressed.
    void show_for(std::chrono::milliseconds time, int percent, const std::string& step);

  private:
    Progress progress_;
    std::string told_;
};

}  // namespace kiln::cli
