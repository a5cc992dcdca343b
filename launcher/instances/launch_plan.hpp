#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln::launcher {

struct InstanceType;

inline constexpr std::size_t max_disks = 24;  // of an instance: vda to vdx
/// Largest volume, as EC2's gp3: 16 TiB.
inline constexpr Bytes max_volume_size = Bytes::gibibytes(16384);

/// The virtual name of an instance-store image's root, as in the manifests of bundles.
inline constexpr const char* root_virtual_name = "ami";

/// Throws Error{InvalidBlockDeviceMapping} for a malformed or repeated device name.
void check_device_names(const std::vector<BlockDeviceOverride>& overrides);

/// The image's block devices with the request's overrides applied, sorted by device name; each has
/// a snapshot or a size. Ephemeral disks are those that the type has, with its sizes. Throws
/// Error{InvalidBlockDeviceMapping} for a root volume smaller than its snapshot, NoDevice on the
/// root, a new device without size, a malformed or repeated device name.
std::vector<images::ImageBlockDevice> plan_block_devices(
    const images::Image& image, const std::vector<BlockDeviceOverride>& overrides,
    const InstanceType& type);

/// The devices with the ephemeral disks of the type, as at a launch, instead of those that they
/// have. Throws Error{InvalidBlockDeviceMapping} when these are more than an instance can have.
std::vector<images::ImageBlockDevice> with_disks_of(const InstanceType& type,
                                                    std::vector<images::ImageBlockDevice> devices);

/// The mapping that a captured image gets: the captured devices without those of NoDevice, with
/// DeleteOnTermination of volumes as asked. Throws Error{InvalidBlockDeviceMapping} when an
/// override asks for more.
std::vector<images::ImageBlockDevice> plan_captured_devices(
    std::vector<images::ImageBlockDevice> devices,
    const std::vector<BlockDeviceOverride>& overrides);

/// EC2's default for the devices of a registered image is true, other than at a launch: those that
/// the overrides do not speak of otherwise get it.
void default_to_delete_on_termination(std::vector<images::ImageBlockDevice>& devices,
                                      const std::vector<BlockDeviceOverride>& overrides);

/// The devices with the sizes of their snapshots where they have none, and encrypted as these are.
/// Throws Error{InvalidBlockDeviceMapping} for one that is smaller than its snapshot, or that the
/// overrides want encrypted, or not, other than its snapshot is, and
/// Error{InvalidSnapshot.NotFound} for one whose snapshot is gone; who may use it is not asked.
std::vector<images::ImageBlockDevice> with_snapshot_sizes(
    Session& session, std::vector<images::ImageBlockDevice> devices,
    const std::vector<BlockDeviceOverride>& overrides);

/// Throws what EC2 answers a stranger unless the caller may use each snapshot that the overrides
/// bring in; those that `own`, the image's mapping, has are the image's affair.
void check_snapshots(Session& session, const images::Caller& caller,
                     const std::vector<BlockDeviceOverride>& overrides,
                     const std::vector<images::ImageBlockDevice>& own);

/// For what becomes part of an image: the caller must own the snapshots, since an image keeps its
/// snapshots from being deleted. Throws Error{UnsupportedOperation} for one that is shared with it.
void check_own_snapshots(Session& session, const images::Caller& caller,
                         const std::vector<BlockDeviceOverride>& overrides);

/// "ephemeral0" to "ephemeral23".
bool is_ephemeral_name(std::string_view name);
/// "/dev/xvda", "/dev/sda1", "xvdb".
bool is_device_name(const std::string& name);
/// Throws Error{InvalidBlockDeviceMapping}.
void check_device_name(const std::string& name);

/// Throws Error{InvalidParameterValue} past 255 characters.
void check_description(const std::string& description);
/// Throws Error{InvalidParameterValue} past 64 characters.
void check_client_token(const std::string& token);

/// Checks base64 and the 16 KiB limit. Throws Error{InvalidParameterValue}.
void check_user_data(const std::string& base64);
inline constexpr std::size_t max_user_data_bytes = 16384;

}  // namespace kiln::launcher
