#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "base/settings.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln {
class Database;
}

namespace kiln::launcher {

/// A region's network as it is on the host now.
struct LiveNetwork {
    std::string region;
    std::string bridge;
};

/// Keeps the hosts' networks as the catalog has them. Any thread.
class Networks {
  public:
    struct Dependencies {
        Database& database;
        const Clock& clock;
        const Settings& settings;
        const Regions& regions;
    };
    explicit Networks(const Dependencies& dependencies);

    /// Why guests of the region get QEMU's user networking and no address of the VPC; nullopt: they
    /// are on its bridge.
    std::optional<std::string> obstacle(const Region& region) const;

    /// The region's VPC, with a subnet for each zone; made at the first call, with a range that no
    /// route of the host meets. Throws Error{InvalidConfiguration} when there is none.
    images::Vpc vpc_of(const Region& region);

    /// Makes the network of the region on its host what the catalog says now. Does nothing where
    /// guests have user networking.
    void apply(const Region& region);
    /// The same for all regions that can be reached; of failures the log tells.
    void apply_all();

    /// Removes the networks that no instance has an address of, running or not: the service ends,
    /// and leaves nothing behind that nobody uses. Of failures the log tells.
    void remove_unused();

    /// Is called after each apply(), from the thread that called it.
    void set_listener(std::function<void(const LiveNetwork&)> listener);

  private:
    images::Vpc make_vpc(const Region& region);
    Ipv4Range choose_range_for(const Region& region, const std::vector<images::Vpc>& others) const;
    std::mutex& lane_of(const std::string& region);
    /// In the log, once for each region.
    void tell_of_user_networking(const Region& region, const std::string& reason);

    Dependencies use_;
    std::mutex mutex_;                                             // guards what follows
    std::map<std::string, std::unique_ptr<std::mutex>> applying_;  // by region
    std::set<std::string> told_;                                   // regions
    std::function<void(const LiveNetwork&)> listener_;
};

/// The network on its host of a region that is removed. Throws as Hypervisor::remove_network does.
void remove_network_of(const Region& region, const images::Vpc& vpc);

}  // namespace kiln::launcher
