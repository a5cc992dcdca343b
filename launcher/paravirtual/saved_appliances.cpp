#include "launcher/paravirtual/saved_appliances.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/database.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/rollback.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/region.hpp"
#include "images/layers/checked_chain.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/layers/qemu_img.hpp"
#include "launcher/instances/guest_users.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds time_to_boot{120};
constexpr std::chrono::seconds time_to_answer{2};
constexpr std::chrono::milliseconds time_between_looks{250};
constexpr std::chrono::seconds time_a_failure_holds{60};
/// One that no guest began in for so long goes, where there is a newer one of its kind, and always.
constexpr std::chrono::hours time_superseded{1};
constexpr std::chrono::hours time_unused{7 * 24};
/// Nobody lists the directory, whose names cannot be guessed.
constexpr auto passable = fs::perms(0711);
constexpr auto readable = fs::perms(0444);
constexpr auto own = fs::perms(0600);
constexpr const char* name_prefix = "kiln-appliance-";
constexpr std::string_view disk_suffix = ".qcow2";
constexpr std::string_view base_suffix = ".base.qcow2";
constexpr std::string_view state_suffix = ".state";
constexpr std::string_view copy_suffix = ".state.copy";
constexpr std::string_view unfinished_suffix = ".state.new";

}  // namespace

SavedAppliances::SavedAppliances(Dependencies dependencies) : use_(std::move(dependencies)) {
    fs::create_directories(use_.directory);
    fs::permissions(use_.directory, passable);
}

std::string SavedAppliances::lane_of(const Appliance& appliance) {
    return "appliances of " + appliance.image.owner.str();
}

SavedAppliances::Saved SavedAppliances::files_of(const std::string& key) const {
    return {.key = key,
            .disk = use_.directory / fmt::format("{}{}", key, disk_suffix),
            .state = use_.directory / fmt::format("{}{}", key, state_suffix)};
}

fs::path SavedAppliances::unfinished_state_of(const std::string& key) const {
    return use_.directory / fmt::format("{}{}", key, unfinished_suffix);
}

std::optional<SavedAppliances::Saved> SavedAppliances::find(const Appliance& appliance) const {
    Saved saved = files_of(key_of(appliance));
    if (!fs::exists(saved.state)) return std::nullopt;
    return saved;
}

bool SavedAppliances::take_turn(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return made_now_.insert(key).second;
}

void SavedAppliances::end_turn(const std::string& key) {
    const std::lock_guard lock(mutex_);
    made_now_.erase(key);
}

SavedAppliances::Saved SavedAppliances::make(const Appliance& appliance) {
    if (auto saved = find(appliance)) return *std::move(saved);
    const std::string key = key_of(appliance);
    while (!take_turn(key))
        use_.pause.wait_or_throw(time_between_looks);
    Rollback turn;
    turn.add([&] { end_turn(key); });
    if (auto saved = find(appliance)) return *std::move(saved);
    throw_if_failed_lately(key);
    try {
        boot_and_save(appliance, key);
    } catch (const Error& error) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        if (error.code() == error_code::unavailable) throw;      // it may come up yet
        const std::lock_guard lock(mutex_);
        failures_.insert_or_assign(
            key, Failure{.error = error, .when = std::chrono::steady_clock::now()});
        throw;
    }
    remove_superseded(key);
    return files_of(key);
}

void SavedAppliances::throw_if_failed_lately(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto failure = failures_.find(key);
    if (failure == failures_.end()) return;
    if (std::chrono::steady_clock::now() - failure->second.when < time_a_failure_holds)
        throw Error(failure->second.error);
    failures_.erase(failure);
}

void SavedAppliances::check_space(Bytes needed) const {
    const Bytes free = free_space(use_.directory);
    if (free >= needed + use_.free_space_reserve) return;
    throw Error(error_code::insufficient_instance_capacity, "",
                fmt::format("a paravirtual guest's appliance needs {} MiB in '{}', and of the {} "
                            "MiB that are free there {} MiB are kept in reserve "
                            "(free_space_reserve_mib): make room",
                            needed.in_mebibytes(), use_.directory.string(), free.in_mebibytes(),
                            use_.free_space_reserve.in_mebibytes()));
}

void SavedAppliances::boot_and_save(const Appliance& appliance, const std::string& key) const {
    const Region& region = appliance.region;
    const Saved saved = files_of(key);
    const fs::path unfinished = unfinished_state_of(key);
    hypervisor::DomainSpec machine = appliance.machine;
    machine.name = name_prefix + key;
    machine.uuid = random_uuid();
    machine.title = fmt::format("kiln appliance of {}", appliance.image.id.str());
    machine.user = use_.users.user_of(region, appliance.image.owner);
    machine.disks = {{.target = "vda",
                      .chain = {{.path = saved.disk}},
                      .cache = hypervisor::DiskCache::writeback}};
    log::info("boots the appliance {} to save it", appliance.image.id.str());
    const auto remove_half_made = [&] {
        region.hypervisor.destroy(machine.name);
        remove_file(unfinished);
        remove_file(saved.disk);
    };
    remove_half_made();  // of a try that could not end it
    Rollback undo;
    undo.add(remove_half_made);
    {
        // While the root is read, merges of the region's chains wait: seconds.
        const auto reading = region.chains->read();
        images::checked_chain(use_.database, region.pool, region.name, appliance.layer);
        check_space(region.pool.virtual_size(appliance.layer) + machine.memory);
        images::qemu_img::flatten(region.pool.path_of(appliance.layer), saved.disk,
                                  use_.pause.token());
    }
    region.hypervisor.start_domain(machine);
    wait_until_up(appliance, machine.name);
    region.hypervisor.save_domain(machine.name, unfinished);
    // It was its QEMU's until now.
    take_file(saved.disk);
    fs::permissions(saved.disk, readable);
    images::refuse_foreign_parts(saved.disk, use_.directory);
    sync_file(saved.disk);
    sync_file(unfinished);
    fs::rename(unfinished, saved.state);
    sync_directory(use_.directory);
    undo.commit();
}

void SavedAppliances::wait_until_up(const Appliance& appliance, const std::string& name) const {
    hypervisor::Hypervisor& hypervisor = appliance.region.hypervisor;
    const auto deadline = std::chrono::steady_clock::now() + time_to_boot;
    while (!hypervisor.agent_answers(name, time_to_answer)) {
        if (std::chrono::steady_clock::now() > deadline ||
            hypervisor.domain_state(name) == hypervisor::DomainState::absent) {
            throw Error(error_code::internal_error, appliance.image.id.str(),
                        fmt::format("the appliance '{}' does not come up: build a new one (`kiln "
                                    "build pv-appliance --name NAME`)",
                                    appliance.image.id.str()));
        }
        use_.pause.wait_or_throw(time_between_looks);
    }
}

/// Others of its kind that are of the same image, or that guests begin in no more.
void SavedAppliances::remove_superseded(const std::string& key) {
    const ApplianceKey made = parse_appliance_key(key).value();
    for (const std::string& text : keys_of_files(state_suffix)) {
        const ApplianceKey other = parse_appliance_key(text).value();
        if (text == key || other.kind != made.kind) continue;
        if (other.layer == made.layer || age_of(files_of(text)) > time_superseded)
            remove(files_of(text), [] { return true; });
    }
}

std::chrono::seconds SavedAppliances::age_of(const Saved& saved) {
    return std::chrono::duration_cast<std::chrono::seconds>(fs::file_time_type::clock::now() -
                                                            fs::last_write_time(saved.state));
}

/// A disk without a state is that of whoever makes it now.
void SavedAppliances::remove(const Saved& saved, const std::function<bool()>& is_meant) {
    if (!take_turn(saved.key)) return;
    Rollback turn;
    turn.add([&] { end_turn(saved.key); });
    const std::lock_guard lock(files_mutex_);
    if (!fs::exists(saved.state) || !is_meant()) return;
    remove_file(saved.state);
    remove_file(saved.disk);
}

void SavedAppliances::drop(const Saved& saved, const Begun& begun) {
    remove(saved, [&] {
        // Another guest may have been quicker, and have had it made anew.
        std::error_code none;
        if (!fs::equivalent(saved.state, begun.state, none)) return false;
        log::warn("'{}' cannot be restored: it is made anew", saved.state.string());
        return true;
    });
}

std::optional<SavedAppliances::Begun> SavedAppliances::begin(const InstanceId& id,
                                                             const Saved& saved) const {
    forget(id);
    const auto path = [&](std::string_view suffix) {
        return use_.directory / fmt::format("{}{}", id.str(), suffix);
    };
    Begun begun{.disk = path(disk_suffix),
                .base = path(base_suffix),
                .state = path(state_suffix),
                .copy = path(copy_suffix)};
    {
        // So that the guest keeps them, whatever becomes of the saved ones.
        const std::lock_guard lock(files_mutex_);
        if (!fs::exists(saved.state)) return std::nullopt;
        fs::create_hard_link(saved.state, begun.state);
        fs::create_hard_link(saved.disk, begun.base);
        fs::last_write_time(saved.state, fs::file_time_type::clock::now());
    }
    check_space({fs::file_size(begun.state)});
    images::qemu_img::create({.path = begun.disk,
                              .size = images::qemu_img::virtual_size(begun.base),
                              .backing = begun.base});
    fs::permissions(begun.disk, own);
    return begun;
}

void SavedAppliances::forget_state(const InstanceId& id) const {
    for (const std::string_view suffix : {copy_suffix, state_suffix})
        remove_file(use_.directory / fmt::format("{}{}", id.str(), suffix));
}

void SavedAppliances::forget(const InstanceId& id) const {
    forget_state(id);
    for (const std::string_view suffix : {disk_suffix, base_suffix})
        remove_file(use_.directory / fmt::format("{}{}", id.str(), suffix));
}

void SavedAppliances::recover(const Regions& regions) {
    std::set<std::string> running;
    for (const images::Instance& instance : use_.database.read(images::unfinished_instances)) {
        if (instance.state != images::InstanceState::stopped) running.insert(instance.id.str());
    }
    for (const auto& entry : fs::directory_iterator(use_.directory)) {
        const std::string name = entry.path().filename();
        const std::string stem = name.substr(0, name.find('.'));
        const bool is_of_a_restore = name.ends_with(state_suffix) || name.ends_with(copy_suffix);
        if (stem.starts_with("i-") && (is_of_a_restore || !running.contains(stem)))
            remove_file(entry.path());
    }
    remove_unused(regions);
}

std::vector<std::string> SavedAppliances::keys_of_files(std::string_view suffix) const {
    std::vector<std::string> keys;
    for (const auto& entry : fs::directory_iterator(use_.directory)) {
        const std::string name = entry.path().filename();
        if (!name.ends_with(suffix)) continue;
        std::string key = name.substr(0, name.size() - suffix.size());
        if (parse_appliance_key(key)) keys.push_back(std::move(key));
    }
    return keys;
}

bool SavedAppliances::fits(const std::string& key, const std::set<std::string>& versions) const {
    const ApplianceKey parsed = parse_appliance_key(key).value();
    if (!versions.contains(parsed.versions) || age_of(files_of(key)) > time_unused) return false;
    return use_.database.read([&](Session& session) {
        return std::ranges::any_of(
            images::list_regions(session), [&](const images::Region& region) {
                return images::find_layer(session, region.name, parsed.layer).has_value();
            });
    });
}

void SavedAppliances::remove_unused(const Regions& regions) {
    end_half_made(regions);
    std::set<std::string> versions;
    for (const Region* region : regions.reachable())
        versions.insert(hash_of(region->hypervisor.host_versions()));
    if (versions.empty()) return;  // nobody knows what they fit
    for (const std::string& key : keys_of_files(state_suffix)) {
        if (fits(key, versions)) continue;
        log::info("removes the saved appliance {}: what it was made of is gone, or it is unused",
                  key);
        remove(files_of(key), [] { return true; });
    }
}

void SavedAppliances::end_half_made(const Regions& regions) {
    for (const std::string& key : keys_of_files(disk_suffix)) {
        if (!take_turn(key)) continue;
        Rollback turn;
        turn.add([&] { end_turn(key); });
        try {
            if (!fs::exists(files_of(key).state)) end_half_made(key, regions);
        } catch (const Error& error) {
            log::warn("the half-made appliance {} is left: {}", key, error.message());
        }
    }
}

/// The disk tells of the domain, so that it stays until nobody can have one.
void SavedAppliances::end_half_made(const std::string& key, const Regions& regions) const {
    const std::vector<const Region*> reachable = regions.reachable();
    for (const Region* region : reachable)
        region->hypervisor.destroy(name_prefix + key);
    if (reachable.size() < use_.database.read(images::list_regions).size()) return;
    remove_file(unfinished_state_of(key));
    remove_file(files_of(key).disk);
}

}  // namespace kiln::launcher
