#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/launcher/storage_fixture.hpp"

namespace kiln::tests {

/// Requests that are chosen at random and done both by the launcher and by the model. Several may
/// be under way at once, as long as what each leaves does not depend on which comes first: whatever
/// a request changes is occupied until all have ended. The same seed makes the same requests.
class StorageOperations : public StorageFixture {
  protected:
    StorageOperations();

    /// One operation, whose jobs may be under way still.
    void do_any();
    /// One that leaves less, whose jobs may be under way still.
    void delete_any();
    /// Ends what is under way, and compares.
    void settle_and_check();
    std::size_t operation_count() const { return done_count_; }
    /// The seed and the last operations, one a line.
    std::string history() const;

  private:
    /// Answers false when there is nothing that it could be done with.
    using Run = bool (StorageOperations::*)();
    struct Kind {
        unsigned weight;
        Run run;
    };

    // Volumes.
    bool create_volume();
    bool write_blocks();
    bool attach_volume();
    bool detach_volume();
    bool grow_volume();
    bool delete_volume();
    // Snapshots.
    bool create_snapshot();
    bool create_snapshots();
    bool create_many_snapshots();
    bool copy_snapshot();
    bool copy_snapshot_and_delete_it();
    bool delete_snapshot();
    // Images.
    bool create_image();
    bool register_image();
    bool copy_image();
    bool deregister_image();
    // Instances.
    bool run_instances();
    bool start_instance();
    bool stop_instance();
    bool power_off_guest();
    bool terminate_instance();
    // While what they end is under way still.
    bool terminate_busy_instance();
    bool stop_busy_instance();
    bool delete_captured_volume();
    bool cancel_copies();
    // The service.
    bool collect_garbage();
    bool restart_service();
    bool restart_within_capture();
    bool fail_capture();
    bool fail_boot();
    bool fail_attachment();
    bool be_refused();

    void do_one_of(const std::vector<Kind>& kinds);
    void settle_all();
    void forget_perhaps_made(const VolumeId& id);
    void note(std::string line);

    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool chance(unsigned percent) { return below(100) < percent; }
    const std::string& any_region() { return region_names().at(below(region_names().size())); }
    /// One that fits; nullptr when none does.
    template <class Thing, class Fits>
    Thing* pick(std::vector<Thing>& things, Fits&& fits) {
        std::vector<Thing*> fitting;
        for (Thing& thing : things) {
            if (is_free(thing) && fits(thing)) fitting.push_back(&thing);
        }
        return fitting.empty() ? nullptr : fitting.at(below(fitting.size()));
    }
    template <class Thing>
    Thing* pick(std::vector<Thing>& things) {
        return pick(things, [](const Thing&) { return true; });
    }
    /// Often the oldest: one that is captured again and again gets a deep chain.
    ModelVolume* pick_volume_to_capture();
    /// Nothing under way changes it.
    template <class Thing>
    bool is_free(const Thing& thing) const {
        return !occupied_.contains(thing.id.str());
    }
    bool is_free(const ModelVolume& volume) const {
        return !occupied_.contains(volume.id.str()) &&
               !(volume.attachment && occupied_.contains(volume.attachment->instance.str()));
    }
    /// An instance is also not free while one of its volumes is not.
    bool is_free(const ModelInstance& instance) const {
        return !occupied_.contains(instance.id.str()) && !in_use_.contains(instance.id.str());
    }
    template <class ThingId>
    void occupy(const ThingId& id) {
        occupied_.insert(id.str());
    }
    void occupy_volume(const ModelVolume& volume);
    void write_to_blocks(ModelVolume& volume);
    void copy_snapshot_to(const std::string& region, const ModelSnapshot& source);
    bool deregister(const ModelImage& image, bool delete_snapshots);
    bool delete_snapshot(const ModelSnapshot& snapshot);
    std::string place_of(const InstanceId& id, const std::string& device) const {
        return id.str() + " " + device;
    }
    bool has_root(const InstanceId& id) { return model().volume_at(id, root_device) != nullptr; }
    ModelVolume* pick_running_volume();
    std::string free_device_of(const InstanceId& id);
    std::string new_name() { return "image " + std::to_string(next_name_++); }
    std::vector<launcher::BlockDeviceOverride> left_out_of(const InstanceId& instance);
    void add_captured_image(const ImageId& id, const InstanceId& instance);
    void change_devices(ModelImage& image, launcher::RunInstancesRequest& request);
    void add_launched(const InstanceId& id, const ModelImage& from);
    void terminate(const ModelInstance& instance);

    static constexpr const char* root_device = "/dev/sda1";

    std::uint64_t seed_;
    std::mt19937_64 random_;
    std::set<std::string> occupied_;
    std::set<std::string> in_use_;          // instances, for one of their volumes
    std::vector<VolumeId> captured_;        // that nobody has, by captures under way
    std::vector<ImageId> arriving_images_;  // copies under way
    std::vector<SnapshotId> arriving_snapshots_;
    std::set<InstanceId> launching_;
    std::vector<VolumeId> perhaps_made_;  // their launch was overtaken by a termination
    std::size_t under_way_ = 0;
    std::size_t done_count_ = 0;
    int next_name_ = 1;
    std::future<void> collection_;
    std::deque<std::string> last_;
};

}  // namespace kiln::tests
