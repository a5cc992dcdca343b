#include "builder/trial/run_trial.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "builder/steps/build.hpp"
#include "builder/trial/fetch.hpp"

namespace kiln::builder {

namespace {

/// cloud-init has errors of its own, and recoverable ones, which newer releases tell with 2.
constexpr const char* waiting_for_cloud_init =
    "command -v cloud-init >/dev/null || { echo 'the image has no cloud-init' >&2; exit 3; }\n"
    "said=$(cloud-init status --wait --long 2>&1) && exit 0\n"
    "status=$?\n"
    "echo \"$said\"\n"
    "tail -n 40 /var/log/cloud-init-output.log\n"
    "exit $status\n";

constexpr std::chrono::seconds between_tries{1};

Error renamed(const std::string& name, const Error& error) {
    if (error.code() == "Canceled") return error;
    return build_failed(fmt::format("'{}' failed: {}", name, error.message()));
}

/// The work of a trial; when it fails the instance stays where somebody wants to look at it.
void in_trial(Trial& trial, const TrialSpec& spec, const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        if (spec.on_kept && error.code() != "Canceled") {
            const InstanceId kept = trial.instance();
            trial.keep();
            spec.on_kept(kept);
        }
        throw;
    }
}

void run(Trial& trial, const TrialSpec& spec, const Script& script) {
    check_script(trial.shell().run(script, spec.on_log, spec.stop), script.time_limit);
}

Script script_of(const Step& step) {
    if (const auto* provisioning = std::get_if<ProvisionStep>(&step.action)) {
        return {.text = provisioning->script,
                .interpreter = provisioning->interpreter,
                .environment = provisioning->environment,
                .time_limit = step.time_limit};
    }
    return {
        .text = waiting_for_cloud_init, .interpreter = "/bin/sh", .time_limit = step.time_limit};
}

TrialLaunchOptions options_of(const Step& step) {
    if (const auto* provisioning = std::get_if<ProvisionStep>(&step.action))
        return {.login_user = provisioning->login_user};
    return {.user_data = std::get<CloudConfigStep>(step.action).text};
}

void check(Trial& trial, const TrialSpec& spec, const VerifyStep& step) {
    if (const auto* wanted = std::get_if<VerifyFetch>(&step.check)) {
        fetch(trial.place_of(wanted->port), *wanted, Patience(spec.stop, step.time_limit));
        return;
    }
    const auto& script = std::get<VerifyRun>(step.check);
    run(trial, spec,
        {.text = script.script,
         .interpreter = script.interpreter,
         .environment = script.environment,
         .time_limit = step.time_limit});
}

void check_with_retries(Trial& trial, const TrialSpec& spec, const VerifyStep& step) {
    for (int retries_left = step.retries;; --retries_left) {
        try {
            check(trial, spec, step);
            return;
        } catch (const Error& error) {
            if (retries_left == 0 || error.code() == "Canceled") throw renamed(step.name, error);
            spec.on_log(
                fmt::format("'{}' failed and is tried again: {}", step.name, error.message()));
            Patience(spec.stop, {}).wait(between_tries);
        }
    }
}

}  // namespace

LayerId provision(const TrialTools& tools, const TrialSpec& spec, const Step& step) {
    Trial trial(tools, spec, options_of(step));
    in_trial(trial, spec, [&] { run(trial, spec, script_of(step)); });
    LayerId layer = trial.take_root_layer();
    trial.end();
    return layer;
}

void verify(const TrialTools& tools, const TrialSpec& spec, const std::vector<VerifyStep>& steps) {
    const bool fetches = std::ranges::any_of(steps, [](const VerifyStep& step) {
        return std::holds_alternative<VerifyFetch>(step.check);
    });
    Trial trial(tools, spec, {.is_asked_for_pages = fetches});
    in_trial(trial, spec, [&] {
        trial.shell();  // it has booted
        for (const VerifyStep& step : steps)
            check_with_retries(trial, spec, step);
    });
    trial.end();
}

}  // namespace kiln::builder
