#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "launcher/instances/pause.hpp"
#include "launcher/paravirtual/appliance.hpp"

namespace kiln {
class Database;
}

namespace kiln::launcher {

class GuestUsers;
class Regions;

/// Appliances that are booted and saved, one for each image and size of machine, so that guests
/// begin in one that is up. All files lie in one directory. Each is of one owner of an image and
/// one region; another image, machine or version of QEMU makes another one. Any thread.
class SavedAppliances {
  public:
    struct Dependencies {
        Database& database;
        const GuestUsers& users;
        const Pause& pause;
        std::filesystem::path directory;
        Bytes free_space_reserve;
    };
    explicit SavedAppliances(Dependencies dependencies);

    struct Saved {
        std::string key;
        std::filesystem::path disk;   // as it was when the state was saved; it never changes again
        std::filesystem::path state;  // Hypervisor::restore_domain takes it
    };
    /// A lane of the executor for make(): those of one account wait in it without a thread.
    static std::string lane_of(const Appliance& appliance);
    /// nullopt: it must be made first. Asks libvirt for its version.
    std::optional<Saved> find(const Appliance& appliance) const;
    /// Boots and saves it unless it is there: some twenty seconds. Another thread that makes the
    /// same one is waited for. Throws Error{InternalError} when it does not come up, and for a
    /// minute from then on at once; Error{InsufficientInstanceCapacity} without space for it;
    /// Error{Unavailable} when libvirt is away or the service stops.
    Saved make(const Appliance& appliance);
    struct Begun {
        std::filesystem::path disk;   // the guest's appliance's own, empty yet, on top of
        std::filesystem::path base;   // the saved one's
        std::filesystem::path state;  // the saved one's
        std::filesystem::path copy;   // a name for its copy while it is restored
    };
    /// Gives a guest's appliance its files; nullopt when the saved one was dropped meanwhile.
    /// Throws Error{InsufficientInstanceCapacity} without space for them.
    std::optional<Begun> begin(const InstanceId& id, const Saved& saved) const;
    /// For one that cannot be restored, unless it was made anew since `begun`: make() does so.
    /// Guests that run keep theirs.
    void drop(const Saved& saved, const Begun& begun);
    /// Removes what begin() made for the time of the restoring.
    void forget_state(const InstanceId& id) const;
    /// Removes all that begin() made; none is no error.
    void forget(const InstanceId& id) const;

    /// At a start of the service, before anything else is asked of this object: removes what
    /// belongs to no instance that runs, and what remove_unused() does.
    void recover(const Regions& regions);
    /// Removes those whose image is gone, which are of another QEMU than the regions have, or in
    /// which no guest began for a week; and ends what a crash has left half made.
    void remove_unused(const Regions& regions);

  private:
    Saved files_of(const std::string& key) const;
    std::filesystem::path unfinished_state_of(const std::string& key) const;
    void check_space(Bytes needed) const;
    /// Whoever has the turn alone makes, or removes, the half-made one of the key.
    bool take_turn(const std::string& key);
    void end_turn(const std::string& key);
    void throw_if_failed_lately(const std::string& key);
    void boot_and_save(const Appliance& appliance, const std::string& key) const;
    void wait_until_up(const Appliance& appliance, const std::string& name) const;
    void remove_superseded(const std::string& key);
    static std::chrono::seconds age_of(const Saved& saved);
    void remove(const Saved& saved, const std::function<bool()>& is_meant);
    std::vector<std::string> keys_of_files(std::string_view suffix) const;
    bool fits(const std::string& key, const std::set<std::string>& versions) const;
    void end_half_made(const Regions& regions);
    void end_half_made(const std::string& key, const Regions& regions) const;

    Dependencies use_;
    struct Failure {
        Error error;
        std::chrono::steady_clock::time_point when;
    };
    std::mutex mutex_;
    std::set<std::string> made_now_;           // keys
    std::map<std::string, Failure> failures_;  // by key
    /// So that a guest gets a disk and a state that belong together.
    mutable std::mutex files_mutex_;
};

}  // namespace kiln::launcher
