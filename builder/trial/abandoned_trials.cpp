#include "base/database.hpp"
#include "base/log.hpp"
#include "builder/trial/trial.hpp"
#include "builder/trial/trial_tag.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/launcher.hpp"

namespace kiln::builder {

namespace {

using images::InstanceState;
using images::TaggedResource;

constexpr std::chrono::milliseconds between_looks{200};
constexpr std::chrono::minutes time_to_end{10};

images::Caller owner_of(const TaggedResource& resource) {
    return {.account = resource.scope.owner, .region = resource.scope.region};
}

InstanceState state_of(const TrialTools& tools, const InstanceId& id) {
    const auto instance =
        tools.database.read([&](Session& session) { return images::find_instance(session, id); });
    return instance ? instance->state : InstanceState::terminated;
}

void end_instance(const TrialTools& tools, const TaggedResource& resource) {
    const InstanceId id(resource.id);
    if (state_of(tools, id) == InstanceState::terminated) return;
    log::warn("{} is of a trial that was cut off: it is terminated", id.str());
    tools.launcher.terminate_instances(owner_of(resource), {id});
}

/// What cannot be ended is left for the next start.
void try_to(const std::string& what, const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        log::error("cannot end {}: {}", what, error.message());
    }
}

bool is_instance(const TaggedResource& resource) {
    return resource.id.starts_with(std::string(InstanceId::prefix) + "-");
}

}  // namespace

void end_abandoned_trials(const TrialTools& tools, const std::stop_token& stop) {
    const auto left = tools.database.read(
        [](Session& session) { return images::resources_with_tag(session, trial_tag); });
    for (const TaggedResource& resource : left) {
        if (is_instance(resource)) try_to(resource.id, [&] { end_instance(tools, resource); });
    }
    const Patience patience(stop, time_to_end);
    for (const TaggedResource& resource : left) {
        if (!is_instance(resource)) continue;
        while (state_of(tools, InstanceId(resource.id)) != InstanceState::terminated &&
               !patience.is_over())
            patience.wait(between_looks);
    }
    for (const TaggedResource& resource : left) {
        if (is_instance(resource)) continue;
        try_to(resource.id, [&] {
            tools.launcher.delete_security_group(owner_of(resource), SecurityGroupId(resource.id));
        });
    }
}

}  // namespace kiln::builder
