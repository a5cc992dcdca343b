#include "builder/offline/offline_steps.hpp"

namespace kiln::builder {

void run_script(MountedSystem& system, const RunStep& step, std::chrono::seconds time_limit,
                const StepLog& log) {
    system.require_runnable();
    const ScriptResult result = system.run({.text = step.script,
                                            .interpreter = step.interpreter,
                                            .environment = step.environment,
                                            .time_limit = time_limit});
    log_lines(result.output, log);
    check_script(result, time_limit);
}

}  // namespace kiln::builder
