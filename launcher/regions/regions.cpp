#include "launcher/regions/regions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "base/text.hpp"
#include "images/catalog/encryption_key.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/encryption/keys.hpp"
#include "launcher/network/networks.hpp"

namespace kiln::launcher {

namespace {

constexpr const char* home_pool = "layers";
constexpr std::size_t max_zones = 26;
constexpr const char* dependency_violation = "DependencyViolation";

hypervisor::DiskCache disk_cache_of(const images::Pool& pool) {
    return pool.supports_direct_io() ? hypervisor::DiskCache::none
                                     : hypervisor::DiskCache::writeback;
}

std::string own_pool_of(const std::string& region) {
    return "regions/" + region;
}

/// A directory below the state directory is named from there, so that it has one name.
std::string as_in_catalog(const std::filesystem::path& pool,
                          const std::filesystem::path& state_directory) {
    const auto path = std::filesystem::weakly_canonical(pool);
    const auto below = path.lexically_relative(std::filesystem::weakly_canonical(state_directory));
    const bool is_below = !below.empty() && *below.begin() != "..";
    std::string text = (is_below ? below : path).string();
    while (text.size() > 1 && text.ends_with('/'))
        text.pop_back();
    return text;
}

[[noreturn]] void refuse_name(const char* what, const std::string& name) {
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("The {}'s name '{}' must be at most 64 lower-case letters, digits and "
                            "hyphens, as local-2.",
                            what, name));
}

/// The region that the request stands for.
images::Region requested_region(const CreateRegionRequest& request, const Settings& settings,
                                Time now) {
    if (!is_region_name(request.name)) refuse_name("region", request.name);
    images::Region region{
        .name = request.name,
        .pool = request.pool.empty() ? own_pool_of(request.name) : request.pool,
        .libvirt_uri = request.libvirt_uri.empty() ? settings.libvirt_uri : request.libvirt_uri,
        .created = now,
        .zones = request.zones.empty() ? std::vector{request.name + "a"} : request.zones};
    for (const std::string& zone : region.zones) {
        if (!is_region_name(zone)) refuse_name("zone", zone);
    }
    if (region.zones.size() > max_zones) {
        throw Error(error_code::invalid_parameter_value, "Zone",
                    fmt::format("a region has at most {} zones", max_zones));
    }
    if (!request.pool.empty() && !std::filesystem::path(request.pool).is_absolute()) {
        throw Error(error_code::invalid_parameter_value, request.pool,
                    fmt::format("The pool '{}' must be named by its absolute path: the service "
                                "works in a directory of its own.",
                                request.pool));
    }
    if (!request.pool.empty()) region.pool = as_in_catalog(request.pool, settings.state_directory);
    return region;
}

void check_writable(const Region& region) {
    try {
        region.pool.check_writable();
    } catch (const Error& error) {
        throw Error(
            error_code::invalid_parameter_value, region.pool.directory().string(),
            fmt::format("The pool cannot hold layers: {}. Choose another one.", error.message()));
    }
}

/// Guests of the region must be able to read its layers.
void check_passable(const Region& region) {
    if (!region.hypervisor.qemu_user()) return;
    const auto closed = region.pool.first_closed_directory();
    if (!closed) return;
    throw Error(error_code::invalid_parameter_value, closed->string(),
                fmt::format("QEMU's user cannot pass through '{}': chmod o+x it, or choose "
                            "another pool.",
                            closed->string()));
}

}  // namespace

struct Regions::Entry {
    explicit Entry(images::Region as_row) : row(std::move(as_row)) {}

    const images::Region row;
    std::recursive_mutex opening;  // a recovery comes back for its region
    std::unique_ptr<Region> opened;
};

Regions::Regions(Dependencies dependencies) : dependencies_(std::move(dependencies)) {
    home_ = put_home_region();
    const auto rows = dependencies_.database.read(images::list_regions);
    for (const images::Region& row : rows)
        entries_.emplace(row.name, std::make_shared<Entry>(row));
    open(*entries_.at(home_));
    for (const auto& [name, entry] : entries_) {
        try {
            open(*entry);
        } catch (const Error& error) {
            log::error("{}", error.what());
        }
    }
}

Regions::~Regions() {
    set_event_listener(nullptr);
}

/// The one with the home pool, which the settings named at the first start.
std::string Regions::put_home_region() {
    const Settings& settings = dependencies_.settings;
    return dependencies_.database.write([&](Session& session) {
        const auto regions = images::list_regions(session);
        const auto known = std::ranges::find(regions, home_pool, &images::Region::pool);
        // Whoever starts the service with another region set means one that it works in.
        if (known != regions.end() && known->name != settings.region) return known->name;
        images::Region home{.name = settings.region,
                            .pool = home_pool,
                            .libvirt_uri = settings.libvirt_uri,
                            .created = dependencies_.clock.now(),
                            .zones = settings.zones};
        images::put_region(session, home);
        return home.name;
    });
}

std::filesystem::path Regions::directory_of(const images::Region& region) const {
    return dependencies_.settings.state_directory / region.pool;  // an absolute one stays
}

std::shared_ptr<hypervisor::Hypervisor> Regions::hypervisor_at(const std::string& uri) const {
    {
        const std::lock_guard lock(mutex_);
        const auto known = hypervisors_.find(uri);
        if (known != hypervisors_.end()) return known->second;
    }
    auto made = dependencies_.connect(uri);
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = hypervisors_.emplace(uri, std::move(made));
    if (is_new) place->second->set_event_listener(listener_);
    return place->second;
}

const Region& Regions::open(Entry& entry) const {
    const std::lock_guard lock(entry.opening);
    if (entry.opened) return *entry.opened;
    const images::Region& row = entry.row;
    try {
        images::Pool pool(directory_of(row));
        const auto cache = disk_cache_of(pool);
        entry.opened =
            std::make_unique<Region>(Region{.name = row.name,
                                            .libvirt_uri = row.libvirt_uri,
                                            .zones = row.zones,
                                            .pool = std::move(pool),
                                            .hypervisor = *hypervisor_at(row.libvirt_uri),
                                            .cache = cache});
    } catch (const Error& error) {
        throw Error(
            error_code::unavailable, row.name,
            fmt::format("the region '{}' cannot be reached: {}", row.name, error.message()));
    }
    return *entry.opened;
}

std::shared_ptr<Regions::Entry> Regions::find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    if (found != entries_.end()) return found->second;
    std::vector<std::string> names;
    names.reserve(entries_.size());
    for (const auto& [known, entry] : entries_)
        names.push_back(known);
    const auto suggestion = nearest(name, names);
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("Invalid region: [{}]. {}", name,
                            suggestion ? fmt::format("Did you mean {}?", *suggestion)
                                       : fmt::format("Regions: {}.", fmt::join(names, ", "))));
}

const Region& Regions::get(const std::string& name) const {
    const auto entry = find(name);
    const std::lock_guard lock(entry->opening);
    if (entry->opened) return *entry->opened;
    open(*entry);
    recover(*entry);
    return *entry->opened;
}

/// It is being opened: others wait for it, or do without it.
void Regions::recover(Entry& entry) const {
    std::function<void(const Region&)> recovery;
    {
        const std::lock_guard lock(mutex_);
        recovery = recovery_;
    }
    if (!recovery) return;
    try {
        recovery(*entry.opened);
    } catch (const std::exception& error) {
        entry.opened.reset();
        throw Error(
            error_code::unavailable, entry.row.name,
            fmt::format("the region '{}' cannot be recovered: {}", entry.row.name, error.what()));
    }
}

void Regions::set_recovery(std::function<void(const Region&)> recovery) {
    const std::lock_guard lock(mutex_);
    recovery_ = std::move(recovery);
}

const Region& Regions::home() const {
    return get(home_);
}

std::vector<const Region*> Regions::reachable() const {
    std::vector<std::shared_ptr<Entry>> entries;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, entry] : entries_)
            entries.push_back(entry);
    }
    std::vector<const Region*> regions;
    for (const auto& entry : entries) {
        const std::unique_lock<std::recursive_mutex> opening(entry->opening, std::try_to_lock);
        if (opening && entry->opened) regions.push_back(entry->opened.get());
    }
    return regions;
}

void Regions::set_event_listener(std::function<void(const hypervisor::DomainEvent&)> listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
    for (const auto& [uri, hypervisor] : hypervisors_)
        hypervisor->set_event_listener(listener_);
}

images::Region Regions::create(const images::Caller& caller, const CreateRegionRequest& request) {
    caller.require_administrator();
    const std::lock_guard changing(changing_);
    const auto entry = std::make_shared<Entry>(
        requested_region(request, dependencies_.settings, dependencies_.clock.now()));
    const images::Region& row = entry->row;
    const std::filesystem::path directory = directory_of(row);
    dependencies_.database.read([&](Session& session) {
        images::check_new_region(session, row);
        caller.stop_if_dry_run();
    });
    Rollback rollback;
    if (!std::filesystem::exists(directory)) {
        rollback.add([directory] {
            std::error_code ignored;
            std::filesystem::remove(directory, ignored);
        });
    }
    const Region& opened = open(*entry);
    check_writable(opened);
    check_passable(opened);
    dependencies_.database.write([&](Session& session) { images::put_region(session, row); });
    const std::lock_guard lock(mutex_);
    entries_.emplace(row.name, entry);
    rollback.commit();
    return row;
}

/// The keys of a region that is deleted: nothing is encrypted with them any more.
void Regions::forget_keys(Entry& entry, const std::vector<std::string>& keys) const {
    if (keys.empty()) return;
    try {
        remove_keys(open(entry), keys);
    } catch (const Error& error) {
        log::warn("the secrets {} of the deleted region {} stay with libvirt: {}",
                  fmt::join(keys, ", "), entry.row.name, error.message());
    }
}

void Regions::forget_network(Entry& entry, const images::Vpc& vpc) const {
    try {
        remove_network_of(open(entry), vpc);
    } catch (const Error& error) {
        log::warn("the network of the deleted region {} stays on its host: {}", entry.row.name,
                  error.message());
    }
}

void Regions::remove(const images::Caller& caller, const std::string& name) {
    caller.require_administrator();
    const std::lock_guard changing(changing_);
    const auto entry = find(name);
    if (name == home_) {
        throw Error(
            dependency_violation, name,
            fmt::format("The region '{}' is the service's own: it cannot be deleted.", name));
    }
    std::vector<std::string> keys;
    std::optional<images::Vpc> vpc;
    dependencies_.database.write([&](Session& session) {
        const std::string holdings = images::describe_holdings(session, name);
        if (!holdings.empty()) {
            throw Error(
                dependency_violation, name,
                fmt::format("The region '{}' holds {}: delete them first.", name, holdings));
        }
        vpc = images::find_vpc(session, name);
        images::delete_region(session, name);
        keys.clear();
        for (const images::EncryptionKey& key : images::encryption_keys_of_region(session, name)) {
            keys.push_back(key.id);
            images::delete_encryption_key(session, key.id);
        }
        caller.stop_if_dry_run();
    });
    {
        const std::lock_guard lock(mutex_);
        entries_.erase(name);
        removed_.push_back(entry);
    }
    forget_keys(*entry, keys);
    if (vpc) forget_network(*entry, *vpc);
    std::error_code ignored;
    std::filesystem::remove(directory_of(entry->row), ignored);  // only while it is empty
}

}  // namespace kiln::launcher
