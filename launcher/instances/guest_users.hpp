#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "hypervisor/domain/domain_spec.hpp"

namespace kiln {
class Database;
struct Settings;
}  // namespace kiln
namespace kiln::images {
struct LayerUse;
}

namespace kiln::launcher {

class Regions;
struct Region;

/// QEMU runs as another user for each account, who may read the frozen layers that the account's
/// guests stand on, and no others. The live tops are the domain's own while it runs: libvirt sees
/// to that. Any thread.
class GuestUsers {
  public:
    GuestUsers(Database& database, const Settings& settings, const Regions& regions, bool uses_kvm)
        : database_(database), settings_(settings), regions_(regions), uses_kvm_(uses_kvm) {}

    /// Whom QEMU of the account's guests runs as in the region; nullopt: whom libvirt chooses.
    /// Throws Error{InsufficientInstanceCapacity} when guest_uids has no more users.
    std::optional<hypervisor::ProcessUser> user_of(const Region& region,
                                                   const AccountId& account) const;
    /// To be called before QEMU of the account opens the disks, when the catalog says that it will.
    void open_layers(const Region& region, const AccountId& account,
                     std::span<const hypervisor::DiskSpec> disks);
    /// To be called when a layer was frozen that a guest had as its own.
    void learn_readers(const Region& region, const LayerId& layer);
    /// Some guest has let go of a layer.
    void note_change() { changed_ = true; }
    /// Closes the layers to those whose guests do not stand on them any more, if there was a
    /// change.
    void close_unused_layers();
    /// After a start of the service: learns who may read the region's layers, and takes back what
    /// everybody may.
    void recover(const Region& region);

  private:
    std::optional<uid_t> reader_of(const Region& region, const AccountId& account) const;
    uid_t guest_user(std::int64_t account_number) const;
    bool is_reader(uid_t reader, std::int64_t account_number,
                   const std::vector<const Region*>& regions) const;
    /// Those of the layer whose guests do not stand on it.
    std::vector<uid_t> unused_readers(const LayerId& layer, const std::set<uid_t>& readers,
                                      const std::set<images::LayerUse>& uses,
                                      const std::vector<const Region*>& regions) const;

    Database& database_;
    const Settings& settings_;
    const Regions& regions_;
    bool uses_kvm_;
    std::atomic<bool> changed_ = true;  // a service that crashed may have noted one
    std::mutex mutex_;                  // held while rights are given or taken
    std::map<LayerId, std::set<uid_t>> readers_;
};

}  // namespace kiln::launcher
