#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "api/output/structure.hpp"
#include "api/shapes/network_interface.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/volume.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln::api {

/// An instance with what DescribeInstances shows of it.
struct InstanceView {
    images::Instance instance;
    std::vector<images::Volume> volumes;
    std::vector<images::Tag> tags;
    std::vector<std::string> product_codes = {};
    std::optional<InterfaceView> interface;  // absent: user networking, or terminated
};

/// As EC2 has it.
inline constexpr std::chrono::hours terminated_instances_are_shown{1};

struct ReservationView {
    ReservationId id;
    AccountId owner;
    std::vector<InstanceView> instances;
};

const Structure<images::InstanceState>& instance_state_structure();
const Structure<InstanceView>& instance_structure();
const Structure<ReservationView>& reservation_structure();

struct StateChangesView {
    std::vector<launcher::InstanceStateChange> changes;
};
/// {"StartingInstances": [{InstanceId, CurrentState, PreviousState}]}, by the name that is given.
Structure<StateChangesView> state_changes_structure(const std::string& name);

/// The caller's instances with their volumes and tags, terminated ones for an hour.
std::vector<InstanceView> load_instance_views(Session& session, const images::Scope& scope,
                                              Time now);

/// "stop", "terminate", or nothing.
std::optional<images::ShutdownBehavior> behavior_of(const std::optional<std::string>& text);

}  // namespace kiln::api
