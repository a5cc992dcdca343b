#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// One entry of an image's block device mapping: a volume made from the snapshot at launch, an
/// empty one of `volume_size` when there is no snapshot, or the disk of the instance's own storage
/// that `virtual_name` names.
struct ImageBlockDevice {
    std::string device_name;
    std::optional<SnapshotId> snapshot;
    Bytes volume_size;
    std::string volume_type = "gp3";
    bool delete_on_termination = true;
    std::string virtual_name;  // "ephemeral0", …; else empty
    bool encrypted = false;    // as the snapshot is, or as the empty volume is to be
};

/// Its instances ask for metadata with tokens alone.
inline constexpr const char* imds_tokens_alone = "v2.0";
/// It runs paravirtual guests: the recipe of that name has built it.
inline constexpr const char* pv_appliance = "pv-appliance";
/// The platform of Windows; others have none.
inline constexpr const char* windows_platform = "windows";
/// Words of Image::drivers.
inline constexpr const char* virtio_disk_driver = "virtio-disk";
inline constexpr const char* virtio_network_driver = "virtio-network";
/// Its instances have a TPM of this version.
inline constexpr const char* tpm_2_0 = "v2.0";

struct Image {
    ImageId id;
    AccountId owner;
    std::string region;
    std::string name;
    std::string description;
    ImageState state;
    std::string state_reason;  // why it failed, else empty
    Architecture architecture;
    VirtualizationType virtualization_type;
    BootMode boot_mode;
    std::string root_device_name;
    std::string kernel_id;   // empty: none
    std::string ramdisk_id;  // empty: none
    std::string platform;    // windows_platform, or empty
    std::string login_user;  // whom ssh logs in as; captured images keep it
    std::optional<InstanceId> source_instance;
    std::optional<ImageId> source_image;
    bool is_public = false;  // everybody is among its grantees
    Time created;
    DeviceType root_device_type = DeviceType::ebs;
    std::string location;  // "bucket/prefix.manifest.xml" of an instance-store image, else empty
    std::string imds_support;             // empty, or imds_tokens_alone
    std::optional<Time> deprecated = {};  // from then on others find it only when they ask for it
    DeregistrationProtection deregistration_protection = DeregistrationProtection::disabled;
    std::optional<Time> protected_until = {};  // after a protection with cooldown was disabled
    std::optional<Time> last_launched = {};
    std::string tpm_support = {};  // empty, or tpm_2_0
    /// Its guests start what the authorities in their UEFI variables have signed, and nothing else.
    bool secure_boot = false;
    std::string os_id = {};    // libosinfo's short id: "debian12"; empty: not known
    std::string drivers = {};  // of Windows: words, which of QEMU's devices it has drivers for
    std::string purpose = {};  // what kiln itself uses it for: empty, or pv_appliance
    std::string source_region = {};  // of source_image; empty: there is none
    ImageOrigin origin = ImageOrigin::unknown;
    std::vector<ImageBlockDevice> block_devices;  // sorted by device name
};

/// That which its guests boot from; nullptr: none of its devices is.
const ImageBlockDevice* root_device(const Image& image);

/// A pending image that is going to be made of another, as a copy unless its origin is set: with a
/// new id, shared with nobody, and without what has become of the other since.
Image image_made_of(const Image& source, const std::string& name, Time now);

/// Throws Error{InvalidAMIName.Malformed}: 3 to 128 of letters, digits, ( ) [ ] space . / - ' @ _
void check_image_name(const std::string& name);

/// Inserts the image with its block devices. Throws Error{InvalidAMIName.Duplicate} when the owner
/// has a pending or available image of that name in the region: "AMI name X is already in use by
/// AMI ami-…", and Error{ResourceLimitExceeded} when the owner may not have another.
void insert_image(Session& session, const Image& image);

/// An image that the scope's account may see in any state but deregistered: its own or one shared
/// with it. Throws Error{InvalidAMIID.NotFound}: "The image id '[ami-…]' does not exist", and
/// Error{InvalidAMIID.Unavailable} when it was deregistered.
Image get_image(Session& session, const Scope& scope, const ImageId& id);
/// As get_image, and it must be available: else Error{InvalidAMIID.Unavailable} with its state, or
/// Error{AuthFailure} "Not authorized for images: [ami-…]" when it exists but is another account's.
Image get_launchable_image(Session& session, const Scope& scope, const ImageId& id);
/// The caller's own image, for changes. Another account's image that the caller may see is
/// Error{AuthFailure}; one it may not see is not found.
Image get_own_image(Session& session, const Scope& scope, const ImageId& id);
/// Whatever state, whoever owns it: for the service's own work.
std::optional<Image> find_image(Session& session, const ImageId& id);

struct ImageQuery {
    std::vector<ImageId> ids;         // empty: all that the caller may see
    std::vector<std::string> owners;  // empty: any; "self" or account ids
    /// Empty: any; those that "self", an account or "all" may launch by permission.
    std::vector<std::string> executable_by;
    bool with_disabled = false;    // those of the caller; they are found by their ids, too
    bool with_deprecated = false;  // those of others
    Time now;                      // when it is asked
    std::string after = {};        // only those whose ids come after that; of no query by ids
};
/// Images in pending, available or failed state that the scope's account may see, newest last. Ids
/// that do not exist, are another account's private images or were deregistered: all ids unknown to
/// the catalog throw Error{InvalidAMIID.NotFound}; deregistered ones are left out.
std::vector<Image> list_images(Session& session, const Scope& scope, const ImageQuery& query);

/// A deregistered image loses its block devices.
void set_image_state(Session& session, const ImageId& id, ImageState state,
                     const std::string& reason = "");
/// Writes every column of the row anew, by id; neither its devices nor who may launch it.
void update_image(Session& session, const Image& image);
/// Gives a pending image its final block devices (replaces what it had).
void set_image_block_devices(Session& session, const ImageId& id,
                             const std::vector<ImageBlockDevice>& devices);
/// Images in state pending or available whose mapping names the snapshot.
std::vector<ImageId> images_using_snapshot(Session& session, const SnapshotId& id);
/// Images in state pending or available whose bundle is there, whoever owns them.
std::vector<ImageId> images_at_location(Session& session, const std::string& location);
/// The newest available image of the region for that purpose, with an EBS root in clear, among
/// those of the account and those that it may launch of the account that manages the organization:
/// nobody else's is trusted.
std::optional<Image> find_image_for(Session& session, const Scope& scope, const AccountId& manager,
                                    const char* purpose);
/// Pending images of the catalog, whoever owns them: what a restart must finish or undo.
std::vector<Image> pending_images(Session& session);

}  // namespace kiln::images
