#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/keyed_executor.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/bundles/bundle_jobs.hpp"
#include "launcher/bundles/image_conversion.hpp"
#include "launcher/bundles/image_unpacker.hpp"
#include "launcher/bundles/stored_image_jobs.hpp"
#include "launcher/copies/region_copy.hpp"
#include "launcher/instances/domain_plan.hpp"
#include "launcher/instances/instance_files.hpp"
#include "launcher/instances/lifecycle.hpp"
#include "launcher/instances/pause.hpp"
#include "launcher/launcher.hpp"
#include "launcher/network/networks.hpp"
#include "launcher/paravirtual/appliance_guests.hpp"
#include "launcher/platforms/guest_profiles.hpp"
#include "launcher/types/instance_type.hpp"
#include "launcher/volumes/capture.hpp"
#include "launcher/volumes/chain_merger.hpp"
#include "launcher/volumes/chain_puller.hpp"
#include "launcher/volumes/volume_jobs.hpp"

namespace kiln::launcher {

/// What the Launcher's operations (one file each in launcher/instances/) share.
class Launcher::Implementation {
  public:
    explicit Implementation(Dependencies dependencies);
    ~Implementation();
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    Database& database() { return dependencies_.database; }
    const Dependencies& use() const { return dependencies_; }
    InstanceLifecycle& lifecycle() { return lifecycle_; }
    GuestWatch& watch() { return watch_; }
    VolumeCapture& capture() { return capture_; }
    VolumeJobs& volume_jobs() { return volume_jobs_; }
    RegionCopy& copies() { return copies_; }
    BundleJobs& bundles() { return bundles_; }
    ImageConversion& conversion() { return conversion_; }
    StoredImageJobs& stored_images() { return stored_images_; }
    ChainMerger& merger() { return merger_; }
    Pause& pause() { return pause_; }
    Networks& networks() { return networks_; }
    StatusBoard& status() { return status_; }
    const InstanceTypes& types() const { return types_; }
    const GuestProfiles& profiles() const { return profiles_; }
    const InstanceFiles& files() const { return files_; }
    SavedAppliances& saved_appliances() { return saved_appliances_; }
    KeyedExecutor& executor() { return executor_; }
    Time now() const { return dependencies_.clock.now(); }

    /// The caller's instances with the ids, all or nothing: each must be found.
    static std::vector<images::Instance> get_instances(Session& session,
                                                       const images::Caller& caller,
                                                       const std::vector<InstanceId>& ids);

    /// Moves each instance on in one transaction: `change` decides what becomes of it (and throws
    /// to refuse all), an operation of `kind` is written where the state changed, and then `job` is
    /// added for those instances.
    struct Transition {
        const char* operation;
        std::function<void(Session&, images::Instance&)> change;
        std::function<void(const InstanceId&)> job;
    };
    std::vector<InstanceStateChange> transition(const images::Caller& caller,
                                                const std::vector<InstanceId>& ids,
                                                const Transition& transition);

    /// Held while a launch counts what is left of the host and takes its share.
    std::unique_lock<std::mutex> lock_admission() { return std::unique_lock(admission_); }
    /// Held while a bundle is deleted, or an image that has it is inserted.
    std::unique_lock<std::mutex> lock_bundles() { return std::unique_lock(bundles_mutex_); }
    /// Where the caller calls.
    const Region& region_of(const images::Caller& caller) const {
        return dependencies_.regions.get(caller.region);
    }
    struct HostMemory {
        std::string libvirt_uri;
        Bytes total;
    };
    /// All memory of the host that runs the region's guests. Asks libvirt: not within a
    /// transaction.
    HostMemory host_memory(const images::Caller& caller) const;
    /// What of the memory no instance has.
    Bytes free_memory(Session& session, const HostMemory& memory) const;
    struct Machine {
        const InstanceType& type;
        images::VirtualizationType virtualization_type;
    };
    /// How many of `wanted` instances fit into the memory. Throws
    /// Error{InsufficientInstanceCapacity} when fewer than `least` do.
    int fitting_count(Session& session, const HostMemory& memory, const Machine& machine,
                      int wanted, int least);
    /// Of the instance's disks; virtio when there is no such instance. Not within a transaction.
    hypervisor::DiskBus disk_bus_of(const InstanceId& id);
    /// Whether what the request launches of the image can be of the type, on this host.
    void check_machine(const images::Caller& caller, const RunInstancesRequest& request,
                       const images::Image& image, const InstanceType& type);
    /// Throws Error{InsufficientInstanceCapacity} when the region's pool has no room for new
    /// layers.
    void check_pool_space(const std::string& region) const;
    /// Brings the network of the caller's region in line with the catalog, after a change that is
    /// stored; what it throws says that.
    void apply_network(const images::Caller& caller);
    /// Removes the layers of the region that nothing needs.
    void collect_layers(const std::string& region);

    void add_job(const InstanceId& id, std::function<void()> job);
    void add_launch(const images::Instance& instance);
    void add_start(const InstanceId& id);
    /// RegisterImage of a bundle.
    ImageId register_bundle(const images::Caller& caller, const RegisterImageRequest& request);
    void resume_operation(const images::Operation& operation);
    /// Ends the copy or the conversion that makes a pending image or snapshot, in the caller's
    /// transaction; what it returns is to be called after it. nullopt when nothing of the kind
    /// does.
    std::optional<std::function<void()>> withdraw_pending(Session& session,
                                                          const std::string& resource_id);
    /// Settles the instances that should run and have no domain any more.
    void settle_domains(const std::string& why_gone);
    /// Whether the host was booted since remember_host_boot was called for this state directory.
    bool host_was_restarted() const;
    /// To be called when what a restart of the host ended is settled.
    void remember_host_boot() const;
    /// Lets the catalog follow the region's chains that were pulled short while no service saw it,
    /// and its pool follow the catalog.
    void recover_chains(const Region& region);
    /// `settle_more` is called when it looks for what has changed by itself.
    void start_housekeeping(std::function<void()> settle_more);

  private:
    /// nullopt for the domains of others.
    static std::optional<InstanceId> instance_of(const std::string& domain);
    void on_event(const hypervisor::DomainEvent& event);
    void keep_house();
    void close_unused_layers();
    /// Compares the instances that should run with the domains that do, notes what it learns of
    /// these, and returns the instances that have none.
    std::set<InstanceId> compare_domains();
    /// Settles those that have been without a domain for a whole round, whatever event was missed.
    void settle_lost_domains();
    void look_at_guest(const Region& region, const images::Instance& instance);
    std::filesystem::path host_boot_record() const;
    void resume_paused_guests();
    bool has_space_again(const Region& region) const;
    bool has_job(const images::Operation& operation);
    void prepare_launch(const images::Instance& instance);
    void add_boot(const images::Instance& instance, std::function<void()> job);
    std::optional<std::string> lane_to_prepare(const images::Instance& instance) const;
    void resume_bundling(const images::Operation& operation, const std::string& failure);
    /// Adds the jobs of operations again that failed because libvirt or the disk did.
    void resume_dropped_jobs();

    InstanceLifecycle::Dependencies jobs_dependencies();

    Dependencies dependencies_;
    StatusBoard status_;
    InstanceTypes types_;
    GuestProfiles profiles_;
    InstanceFiles files_;
    GuestUsers users_;
    Networks networks_;
    DomainPlanner planner_;
    Pause pause_;
    SavedAppliances saved_appliances_;
    ApplianceGuests appliances_;
    // Jobs wait for guests to power off, so there are more threads than processors.
    KeyedExecutor executor_;
    GuestWatch watch_;
    InstanceLifecycle lifecycle_;
    ChainPuller puller_;
    VolumeCapture capture_;
    VolumeJobs volume_jobs_;
    RegionCopy copies_;
    BundleJobs bundles_;
    ImageUnpacker unpacker_;
    ImageConversion conversion_;
    StoredImageJobs stored_images_;
    ChainMerger merger_;
    std::mutex admission_;
    std::mutex bundles_mutex_;
    std::set<InstanceId> missing_;  // at the last round; of the housekeeper alone
    std::function<void()> settle_more_;
    std::thread housekeeper_;
};

}  // namespace kiln::launcher
