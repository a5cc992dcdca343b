#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/settings.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/accounts/caller.hpp"
#include "images/bundles/object_store.hpp"
#include "images/catalog/address.hpp"
#include "images/catalog/bundle_task.hpp"
#include "images/catalog/security_group.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/volume.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/bundles/requests.hpp"
#include "launcher/copies/requests.hpp"
#include "launcher/instances/host_description.hpp"
#include "launcher/instances/key_material.hpp"
#include "launcher/instances/requests.hpp"
#include "launcher/instances/status_board.hpp"
#include "launcher/network/requests.hpp"
#include "launcher/platforms/os_profile.hpp"
#include "launcher/regions/regions.hpp"
#include "launcher/types/instance_type.hpp"
#include "launcher/volumes/garbage_collection.hpp"
#include "launcher/volumes/requests.hpp"

namespace kiln {
class Database;
}

namespace kiln::launcher {

struct LiveNetwork;

/// Runs instances of images: every operation of EC2 that touches a guest, in EC2's words.
/// Operations check first, write what they intend, and answer; the work itself is done by jobs
/// behind them. All functions may be called from any thread and throw Error with EC2's codes.
class Launcher {
  public:
    struct Dependencies {
        const Settings& settings;
        const Clock& clock;
        Database& database;
        Regions& regions;
        images::ObjectStore& store;
        hypervisor::Accelerators accelerators;
        std::string catalog_id;
    };
    explicit Launcher(Dependencies dependencies);
    /// Waits for the jobs that run; guests go on.
    ~Launcher();
    Launcher(const Launcher&) = delete;
    Launcher& operator=(const Launcher&) = delete;

    /// Finishes or undoes what a crash cut off and settles what guests did meanwhile. Call once,
    /// before requests are served.
    void recover();

    Reservation run_instances(const images::Caller& caller, const RunInstancesRequest& request);
    std::vector<InstanceStateChange> start_instances(const images::Caller& caller,
                                                     const std::vector<InstanceId>& ids);
    std::vector<InstanceStateChange> stop_instances(const images::Caller& caller,
                                                    const std::vector<InstanceId>& ids, bool force);
    /// Instances that end when they stop go on.
    void stop_instances_of_closed_accounts();
    std::vector<InstanceStateChange> terminate_instances(const images::Caller& caller,
                                                         const std::vector<InstanceId>& ids);
    void reboot_instances(const images::Caller& caller, const std::vector<InstanceId>& ids);
    void modify_instance_attribute(const images::Caller& caller,
                                   const ModifyInstanceAttributeRequest& request);

    ImageId create_image(const images::Caller& caller, const CreateImageRequest& request);
    ImageId register_image(const images::Caller& caller, const RegisterImageRequest& request);
    /// Makes a pending image, and copies what it needs behind that; deregister_image cancels it.
    ImageId copy_image(const images::Caller& caller, const CopyImageRequest& request);
    /// A pending image is only deregistered when it is a copy, which is then canceled. With
    /// `delete_snapshots` also the image's snapshots that no other image uses.
    void deregister_image(const images::Caller& caller, const ImageId& id, bool delete_snapshots);

    /// Bundles the root disk of an instance, running or stopped, as it is now, into the bucket.
    images::BundleTask bundle_instance(const images::Caller& caller,
                                       const BundleInstanceRequest& request);
    images::BundleTask cancel_bundle_task(const images::Caller& caller,
                                          const images::BundleTaskId& id);
    /// 0 to 99 while the task works; nullopt when it does not.
    std::optional<int> bundled_percent(const images::BundleTaskId& task) const;
    /// Stores an EBS-backed image with all its disks as one object of the bucket; returns its key.
    std::string create_store_image_task(const images::Caller& caller, const ImageId& id,
                                        const std::string& bucket);
    /// 0 to 99 while the image is being stored; nullopt when it is not.
    std::optional<int> stored_percent(const ImageId& image) const;
    /// Makes a pending image of such an object; deregister_image cancels the restoration.
    ImageId create_restore_image_task(const images::Caller& caller,
                                      const RestoreImageRequest& request);
    void delete_stored_image(const images::Caller& caller, const images::ObjectName& object);
    /// Makes a pending image; deregister_image cancels the conversion.
    ImageId convert_image(const images::Caller& caller, const ConvertImageRequest& request);
    /// Removes a bundle that no image has. `location`: "bucket/prefix.manifest.xml".
    void delete_bundle(const images::Caller& caller, const std::string& location);

    images::Volume create_volume(const images::Caller& caller, const CreateVolumeRequest& request);
    /// Answer with the volume and its attachment as they are now.
    images::Volume attach_volume(const images::Caller& caller, const AttachVolumeRequest& request);
    images::Volume detach_volume(const images::Caller& caller, const DetachVolumeRequest& request);
    images::VolumeModification modify_volume(const images::Caller& caller,
                                             const ModifyVolumeRequest& request);
    void delete_volume(const images::Caller& caller, const VolumeId& id);

    images::Snapshot create_snapshot(const images::Caller& caller,
                                     const CreateSnapshotRequest& request);
    /// All of them at one point in time.
    std::vector<images::Snapshot> create_snapshots(const images::Caller& caller,
                                                   const CreateSnapshotsRequest& request);
    /// Makes a pending snapshot; delete_snapshot cancels the copy.
    SnapshotId copy_snapshot(const images::Caller& caller, const CopySnapshotRequest& request);
    /// How much of a snapshot that is being copied has arrived; nullopt when it is not.
    std::optional<int> copied_percent(const SnapshotId& snapshot) const;
    void delete_snapshot(const images::Caller& caller, const SnapshotId& id);
    void modify_snapshot_attribute(const images::Caller& caller,
                                   const ModifySnapshotAttributeRequest& request);

    /// Removes and merges layers of the caller's region; see ChainMerger. For administrators. A dry
    /// run answers what it would do.
    GarbageCollection collect_garbage(const images::Caller& caller);

    struct CreatedKeyPair {
        KeyPairId id;
        std::string name;
        KeyMaterial material;
    };
    CreatedKeyPair create_key_pair(const images::Caller& caller, const std::string& name,
                                   KeyType type, const std::vector<images::Tag>& tags);
    struct ImportedKeyPair {
        KeyPairId id;
        std::string name;
        std::string fingerprint;
    };
    ImportedKeyPair import_key_pair(const images::Caller& caller, const std::string& name,
                                    const std::string& public_key,
                                    const std::vector<images::Tag>& tags);
    /// A key pair that does not exist is no error, as in EC2.
    void delete_key_pair(const images::Caller& caller, const std::string& name);

    SecurityGroupId create_security_group(const images::Caller& caller,
                                          const CreateSecurityGroupRequest& request);
    void delete_security_group(const images::Caller& caller, const SecurityGroupId& id);
    /// Both are in effect, for guests that run too, when they return.
    std::vector<images::SecurityGroupRule> authorize_rules(const images::Caller& caller,
                                                           const RulesRequest& request);
    void revoke_rules(const images::Caller& caller, const RulesRequest& request);
    void modify_instance_metadata_options(const images::Caller& caller, const InstanceId& id,
                                          const MetadataOptionsChange& change);
    images::Address allocate_address(const images::Caller& caller,
                                     const AllocateAddressRequest& request);
    /// In effect when it returns.
    AssociationId associate_address(const images::Caller& caller,
                                    const AssociateAddressRequest& request);
    void disassociate_address(const images::Caller& caller, const AllocationId& id);
    void release_address(const images::Caller& caller, const AllocationId& id);
    /// Why guests of the caller's region have user networking; nullopt: they are on its bridge.
    std::optional<std::string> bridging_obstacle(const images::Caller& caller);
    /// The VPC of the caller's region.
    images::Vpc vpc(const images::Caller& caller);

    /// EC2's instance types and those of the configuration, whether the host can run them or not.
    const InstanceTypes& types() const;
    /// Those that the host of the caller's region can run: it has QEMU for one of the type's
    /// architectures, the memory, and is what the licence of the guests wants.
    std::vector<InstanceType> offered_types(const images::Caller& caller);
    /// Throws Error{Unsupported} that says why a type is not among those.
    void check_offered(const images::Caller& caller, const InstanceType& type);
    /// The devices that guests of the image are given.
    OsProfile profile_of(const images::Image& image) const;
    /// The host that runs the guests of the caller's region.
    HostDescription describe_host(const images::Caller& caller);

    /// The instance's UEFI variables as they are now, as the text of an images::UefiData. Throws
    /// Error{UnsupportedOperation} for one that boots through BIOS.
    std::string instance_uefi_data(const images::Caller& caller, const InstanceId& id);
    /// The last 64 KiB that the first serial port said.
    std::string console_output(const images::Caller& caller, const InstanceId& id);
    /// password_data_in() all that it said.
    std::string password_data(const images::Caller& caller, const InstanceId& id);
    hypervisor::Screenshot console_screenshot(const images::Caller& caller, const InstanceId& id);
    std::unique_ptr<hypervisor::Console> open_console(const images::Caller& caller,
                                                      const InstanceId& id,
                                                      hypervisor::ConsoleCallbacks callbacks);
    /// Where the instance's ssh server is reached from this host.
    InstanceConnection instance_connection(const images::Caller& caller, const InstanceId& id);

    /// Told of each region's network after it was brought in line with the catalog; see
    /// Networks::set_listener. Before recover().
    void set_network_listener(std::function<void(const LiveNetwork&)> listener);

    Reachability reachability(const InstanceId& id) const;

    /// The service has stopped: networks that no instance uses are removed from their hosts.
    void remove_unused_networks();
    /// The service is about to stop: what takes long ends soon with Error{Unavailable}. Any thread.
    void prepare_stop();

    /// For tests: blocks until no job runs or waits.
    void wait_until_idle();

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace kiln::launcher
