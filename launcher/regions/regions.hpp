#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/settings.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/region.hpp"
#include "images/catalog/vpc.hpp"
#include "images/layers/pool.hpp"
#include "launcher/regions/chain_guard.hpp"

namespace kiln {
class Database;
}

namespace kiln::launcher {

/// A region as the service works in it: its files, and the libvirt that runs its guests.
struct Region {
    std::string name;
    std::string libvirt_uri;
    std::vector<std::string> zones;
    images::Pool pool;
    hypervisor::Hypervisor& hypervisor;
    hypervisor::DiskCache cache;
    std::unique_ptr<ChainGuard> chains = std::make_unique<ChainGuard>();
    std::unique_ptr<std::mutex> making_key = std::make_unique<std::mutex>();
};

struct CreateRegionRequest {
    std::string name;
    std::string pool;                // a directory; empty: one below the state directory
    std::string libvirt_uri;         // empty: the service's own
    std::vector<std::string> zones;  // empty: {name + "a"}
};

/// The regions that this service works in. The home region is the one that the settings named when
/// the catalog was new; the others were created, and are in the catalog. All functions may be
/// called from any thread.
class Regions {
  public:
    using Connect =
        std::function<std::shared_ptr<hypervisor::Hypervisor>(const std::string& libvirt_uri)>;
    struct Dependencies {
        Database& database;
        const Settings& settings;
        const Clock& clock;
        Connect connect;
    };
    /// Writes the home region into the catalog as the settings have it, unless they name another
    /// one. Throws when it cannot be
    /// opened; of the others that cannot, the log tells.
    explicit Regions(Dependencies dependencies);
    ~Regions();
    Regions(const Regions&) = delete;
    Regions& operator=(const Regions&) = delete;

    /// The region of that name; the reference holds as long as the service. Throws
    /// Error{InvalidParameterValue} when there is none, and Error{Unavailable} when its pool or its
    /// libvirt cannot be reached, which it tries again.
    const Region& get(const std::string& name) const;
    const Region& home() const;
    /// Those that can be reached.
    std::vector<const Region*> reachable() const;
    /// Of every libvirt, those of later regions too. See Hypervisor::set_event_listener.
    void set_event_listener(std::function<void(const hypervisor::DomainEvent&)> listener);
    /// Called once for each region that get() opens from now on, before anybody else has it; what
    /// it throws makes the region one that cannot be reached. It may get() the region itself.
    void set_recovery(std::function<void(const Region&)> recovery);

    /// Makes a region with its pool. Throws Error{InvalidParameterValue} for a name, zone or pool
    /// that is malformed or taken, and what opening it throws: then nothing is left.
    images::Region create(const images::Caller& caller, const CreateRegionRequest& request);
    /// Throws Error{DependencyViolation} while it holds anything, and for the home region.
    void remove(const images::Caller& caller, const std::string& name);

  private:
    struct Entry;

    std::string put_home_region();
    std::filesystem::path directory_of(const images::Region& region) const;
    std::shared_ptr<hypervisor::Hypervisor> hypervisor_at(const std::string& uri) const;
    std::shared_ptr<Entry> find(const std::string& name) const;
    const Region& open(Entry& entry) const;
    void recover(Entry& entry) const;
    void forget_network(Entry& entry, const images::Vpc& vpc) const;
    void forget_keys(Entry& entry, const std::vector<std::string>& keys) const;

    Dependencies dependencies_;
    std::string home_;
    std::mutex changing_;       // held while a region is created or removed
    mutable std::mutex mutex_;  // guards what follows; never held while libvirt is asked
    mutable std::map<std::string, std::shared_ptr<hypervisor::Hypervisor>> hypervisors_;  // by URI
    std::map<std::string, std::shared_ptr<Entry>> entries_;                               // by name
    std::vector<std::shared_ptr<Entry>> removed_;  // somebody may still hold a reference
    std::function<void(const hypervisor::DomainEvent&)> listener_;
    std::function<void(const Region&)> recovery_;
};

}  // namespace kiln::launcher
