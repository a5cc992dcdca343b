#include "launcher/instances/guest_users.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/file_readers.hpp"
#include "base/settings.hpp"
#include "images/accounts/account.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/region.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

namespace {

LayerId layer_of(const std::filesystem::path& file) {
    return LayerId(file.stem().string());
}

/// nullopt when there are fewer.
std::optional<uid_t> nth_user(const UserRange& users, std::int64_t n) {
    if (n > size_of(users)) return std::nullopt;
    return users.first + static_cast<uid_t>(n - 1);
}

void open_to(const std::filesystem::path& file, uid_t reader) {
    try {
        add_reader(file, reader);
    } catch (const Error& error) {
        throw Error(error.code(), file.stem().string(),
                    fmt::format("cannot open the layer '{}' to QEMU of this account: {}. Where no "
                                "space is left, guests of some other accounts that stand on the "
                                "same image have to end, or the pool's file system needs space.",
                                file.stem().string(), error.message()));
    }
}

}  // namespace

uid_t GuestUsers::guest_user(std::int64_t account_number) const {
    const UserRange users = settings_.guest_users.value();
    if (const auto user = nth_user(users, account_number)) return *user;
    throw Error(error_code::insufficient_instance_capacity, "guest_uids",
                fmt::format("QEMU of each account's guests runs as a user of its own, and "
                            "guest_uids has {} of them, too few for account number {}: enlarge it "
                            "in the configuration and start the service again",
                            size_of(users), account_number));
}

std::optional<hypervisor::ProcessUser> GuestUsers::user_of(const Region& region,
                                                           const AccountId& account) const {
    auto user = region.hypervisor.qemu_user();
    if (!user || !settings_.guest_users) return std::nullopt;
    const auto number = database_.read(
        [&](Session& session) { return images::get_account(session, account).number; });
    user->uid = guest_user(number);
    // Nobody else has that group; with KVM they share the one that may open it.
    if (!uses_kvm_) user->gid = user->uid;
    return user;
}

std::optional<uid_t> GuestUsers::reader_of(const Region& region, const AccountId& account) const {
    auto user = user_of(region, account);
    if (!user) user = region.hypervisor.qemu_user();
    if (!user) return std::nullopt;
    return user->uid;
}

void GuestUsers::open_layers(const Region& region, const AccountId& account,
                             std::span<const hypervisor::DiskSpec> disks) {
    const auto reader = reader_of(region, account);
    if (!reader || !can_name_readers(region.pool.directory())) return;
    const std::lock_guard lock(mutex_);
    for (const hypervisor::DiskSpec& disk : disks) {
        for (std::size_t i = 1; i < disk.chain.size(); ++i) {
            open_to(disk.chain[i].path, *reader);
            readers_[layer_of(disk.chain[i].path)].insert(*reader);
        }
    }
}

void GuestUsers::close_unused_layers() {
    if (!changed_.exchange(false)) return;
    try {
        const std::lock_guard lock(mutex_);
        const auto [uses, region_count] = database_.read([](Session& session) {
            return std::pair(images::layers_in_use(session), images::list_regions(session).size());
        });
        const auto regions = regions_.reachable();
        const bool are_all = regions.size() == region_count;
        for (auto& [layer, readers] : readers_) {
            const auto unused = unused_readers(layer, readers, uses, regions);
            for (const uid_t reader : unused) {
                // In all regions: their pools may share the file.
                for (const Region* region : regions)
                    remove_reader(region->pool.path_of(layer), reader);
                if (are_all) readers.erase(reader);
            }
        }
        std::erase_if(readers_, [](const auto& entry) { return entry.second.empty(); });
        if (!are_all) note_change();
    } catch (...) {
        note_change();  // to be tried again
        throw;
    }
}

std::vector<uid_t> GuestUsers::unused_readers(const LayerId& layer, const std::set<uid_t>& readers,
                                              const std::set<images::LayerUse>& uses,
                                              const std::vector<const Region*>& regions) const {
    std::vector<uid_t> unused(readers.begin(), readers.end());
    for (auto use = uses.lower_bound({.layer = layer, .account_number = 0});
         use != uses.end() && use->layer == layer; ++use) {
        std::erase_if(
            unused, [&](uid_t reader) { return is_reader(reader, use->account_number, regions); });
    }
    return unused;
}

/// Whether guests of that account read as that user, in any region.
bool GuestUsers::is_reader(uid_t reader, std::int64_t account_number,
                           const std::vector<const Region*>& regions) const {
    if (settings_.guest_users) return nth_user(*settings_.guest_users, account_number) == reader;
    return std::ranges::any_of(regions, [&](const Region* region) {
        const auto user = region->hypervisor.qemu_user();
        return user && user->uid == reader;
    });
}

void GuestUsers::learn_readers(const Region& region, const LayerId& layer) {
    const auto qemu_user = region.hypervisor.qemu_user();
    if (!qemu_user) return;
    const std::filesystem::path file = region.pool.path_of(layer);
    const std::lock_guard lock(mutex_);
    for (const uid_t reader : readers_of(file)) {
        const bool is_guest = settings_.guest_users && contains(*settings_.guest_users, reader);
        if (is_guest || reader == qemu_user->uid) readers_[layer].insert(reader);
    }
}

void GuestUsers::recover(const Region& region) {
    if (!region.hypervisor.qemu_user()) return;
    const auto layers =
        database_.read([&](Session& session) { return images::all_layers(session, region.name); });
    for (const images::Layer& layer : layers) {
        if (layer.state != images::LayerState::frozen || !region.pool.exists(layer.id)) continue;
        region.pool.close_to_others(layer.id);
        learn_readers(region, layer.id);
    }
    note_change();
}

}  // namespace kiln::launcher
