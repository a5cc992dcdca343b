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

struct Region;

/// An instance with its volumes, as one consistent read.
struct InstanceWithVolumes {
    images::Instance instance;
    std::vector<images::Volume> volumes;  // by device name

    const images::Volume* root() const;
};

/// nullopt when there is no such instance any more.
std::optional<InstanceWithVolumes> load_instance(Database& database, const InstanceId& id);

/// Reads the instance, lets `change` change it, and writes it as of `now`, in one transaction: what
/// others changed meanwhile is kept. Does nothing when there is no such instance any more.
void change_instance(Database& database, const InstanceId& id, Time now,
                     const std::function<void(Session&, images::Instance&)>& change);

/// A pending image of the instance, without block devices.
images::Image pending_image_of(const images::Instance& instance, const std::string& name, Time now);

/// Inserts a volume that is being created, with the row of its layer on top of `parent`.
void insert_creating_volume(Session& session, const images::Volume& volume,
                            const std::optional<LayerId>& parent);
/// Makes the file of a volume that is being created, unless it is there: an overlay of its layer's
/// parent, or an empty one. Asks libvirt for the key of an encrypted one.
void create_layer_file(Database& database, const Region& region, const images::Volume& volume);

/// A new operation of the kind for the instance.
images::Operation instance_operation(const std::string& kind, const images::Instance& instance,
                                     Time now, const std::string& payload = "{}");
/// The same for the volume.
images::Operation volume_operation(const std::string& kind, const images::Volume& volume, Time now);

/// Ends what an operation of the kind had to do for the resource.
void finish_operations(Session& session, const std::string& resource_id, const std::string& kind);

/// Whether the attached volume is deleted when its instance terminates: an ephemeral disk always
/// is, whatever its mapping says.
bool goes_with_its_instance(const images::Volume& volume);

/// Deletes an attached volume with its attachment; its layer is unneeded then.
void delete_attached(Session& session, images::Volume volume, Time now);

/// Detaches the volumes: those that go with the instance and those that a launch has not finished
/// are deleted (their layers are then unneeded), the others become available.
void release_volumes(Session& session, const InstanceId& instance, Time now);

/// Gives the ephemeral disks of an instance that stops new empty layers, which its next start
/// makes: what they held is lost.
void renew_ephemeral_disks(Session& session, const InstanceId& instance, Time now);

/// "User initiated (2021-09-29 11:04:43 GMT)", EC2's StateTransitionReason.
std::string user_initiated(Time now);

/// The kinds of operations.
namespace operation_kind {
inline constexpr const char* launch = "launch";
inline constexpr const char* start = "start";
inline constexpr const char* stop = "stop";
inline constexpr const char* terminate = "terminate";
inline constexpr const char* create_image = "create-image";
inline constexpr const char* create_volume = "create-volume";
inline constexpr const char* attach_volume = "attach-volume";
inline constexpr const char* detach_volume = "detach-volume";
inline constexpr const char* modify_volume = "modify-volume";
inline constexpr const char* delete_volume = "delete-volume";
inline constexpr const char* create_snapshot = "create-snapshot";
inline constexpr const char* bundle_instance = "bundle-instance";
inline constexpr const char* convert_image = "convert-image";
inline constexpr const char* copy_image = "copy-image";
inline constexpr const char* copy_snapshot = "copy-snapshot";
inline constexpr const char* store_image = "store-image";
inline constexpr const char* restore_image = "restore-image";
}  // namespace operation_kind

}  // namespace kiln::launcher
