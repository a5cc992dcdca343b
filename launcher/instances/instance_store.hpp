#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/operation.hpp"
#include "images/catalog/volume.hpp"

namespace kiln::launcher {

/// An instance with its volumes, as one consistent read.
struct InstanceWithVolumes {
    images::Instance instance;
    std::vector<images::Volume> volumes;  // by device name

    const images::Volume* root() const;
};

/// nullopt when there is no such instance any more.
std::optional<InstanceWithVolumes> load_instance(Database& database, const InstanceId& id);

/// Reads the instance, lets `change` change it, and writes it, in one transaction: what others
/// changed meanwhile is kept. Does nothing when there is no such instance any more.
void change_instance(Database& database, const InstanceId& id,
                     const std::function<void(Session&, images::Instance&)>& change);

/// A new operation of the kind for the instance.
images::Operation instance_operation(const std::string& kind, const images::Instance& instance,
                                     Time now, const std::string& payload = "{}");

/// Ends what an operation of the kind had to do for the resource.
void finish_operations(Session& session, const std::string& resource_id, const std::string& kind);

/// Detaches the volumes: those with DeleteOnTermination are deleted (their layers are then
/// unneeded), the others become available.
void release_volumes(Session& session, const InstanceId& instance);

/// "User initiated (2021-09-29 11:04:43 GMT)", EC2's StateTransitionReason.
std::string user_initiated(Time now);

/// The kinds of operations.
namespace operation_kind {
inline constexpr const char* launch = "launch";
inline constexpr const char* start = "start";
inline constexpr const char* stop = "stop";
inline constexpr const char* terminate = "terminate";
inline constexpr const char* create_image = "create-image";
}  // namespace operation_kind

}  // namespace kiln::launcher
