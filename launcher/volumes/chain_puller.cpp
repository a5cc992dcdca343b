#include "launcher/volumes/chain_puller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/catalog/layer.hpp"
#include "images/layers/chain.hpp"
#include "images/layers/collection.hpp"
#include "launcher/encryption/keys.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::Volume;

constexpr std::chrono::milliseconds time_between_looks{50};
/// A guest may power off in the middle of a pull, which then begins anew without it.
constexpr int most_tries = 3;

}  // namespace

std::optional<Volume> ChainPuller::load(const VolumeId& id) const {
    return use_.database.read([&](Session& session) { return images::find_volume(session, id); });
}

std::vector<LayerId> ChainPuller::chain_of(const Volume& volume) const {
    std::vector<LayerId> ids;
    if (!volume.layer) return ids;
    const auto chain = use_.database.read([&](Session& session) {
        return images::layer_chain(session, volume.region, *volume.layer);
    });
    ids.reserve(chain.size());
    for (const images::Layer& layer : chain)
        ids.push_back(layer.id);
    return ids;
}

void ChainPuller::add(const std::vector<VolumeId>& volumes) {
    Keys keys;
    std::optional<InstanceId> instance;
    for (const VolumeId& id : volumes) {
        const auto volume = load(id);
        if (!volume || !volume->attachment) continue;
        instance = volume->attachment->instance;
        keys.push_back(id.str());
        const std::lock_guard lock(mutex_);
        unfinished_.insert(id);
    }
    if (!instance) return;
    keys.push_back(instance->str());
    use_.executor.add_for_all(keys, [this, volumes, instance = *instance, keys] {
        for (const VolumeId& id : volumes)
            pull_if_long(id, instance, keys);
    });
}

void ChainPuller::add_unfinished() {
    std::set<VolumeId> unfinished;
    {
        const std::lock_guard lock(mutex_);
        unfinished = unfinished_;
    }
    for (const VolumeId& id : unfinished) {
        const auto volume = load(id);
        if (!volume || !volume->attachment) {
            const std::lock_guard lock(mutex_);
            unfinished_.erase(id);
        } else if (!use_.executor.is_busy(id.str()) &&
                   !use_.executor.is_busy(volume->attachment->instance.str())) {
            add({id});
        }
    }
}

bool ChainPuller::is_in_running_guest(const Volume& volume, const InstanceId& instance) const {
    return volume.attachment && volume.attachment->instance == instance &&
           hypervisor_of(volume).domain_state(instance.str()) == DomainState::running;
}

void ChainPuller::pull_if_long(const VolumeId& id, const InstanceId& instance,
                               const Keys& gives_way_to) {
    try {
        const auto volume = load(id);
        if (volume && is_in_running_guest(*volume, instance)) {
            learn_parent(*volume);
            const auto chain = chain_of(*volume);
            const bool is_long = chain.size() > images::long_chain_depth;
            if (is_long && !pull_in_background(*volume, chain, gives_way_to)) return;
        }
    } catch (const Error& error) {
        if (error.code() == error_code::unavailable) return;  // tried again
        log::warn("the chain of {} stays as long as it is until its next capture: {}", id.str(),
                  error.what());
    }
    const std::lock_guard lock(mutex_);
    unfinished_.erase(id);
}

bool ChainPuller::pull_in_background(const Volume& volume, const std::vector<LayerId>& chain,
                                     const Keys& gives_way_to) {
    if (!background_pulls_.try_acquire()) return false;
    Rollback at_the_end;
    at_the_end.add([this] { background_pulls_.release(); });
    return pull(volume, chain, gives_way_to) == Outcome::done;
}

void ChainPuller::end_pull(const Volume& volume) {
    if (!guest_has(hypervisor_of(volume), volume)) return;
    hypervisor_of(volume).cancel_pull(volume.attachment->instance.str(), serial_of(volume.id));
}

void ChainPuller::make_room(const VolumeId& id) {
    for (int tries = 0; tries < most_tries; ++tries) {
        const auto volume = load(id);
        if (!volume || !volume->layer) return;
        end_pull(*volume);
        learn_parent(*volume);
        const auto reading = use_.regions.get(volume->region).chains->read();
        const auto chain = chain_of(*volume);
        if (chain.size() < images::max_chain_depth) return;
        pull(*volume, chain, {});
    }
    throw Error(error_code::internal_error, id.str(),
                fmt::format("the chain of layers below '{}' could not be pulled short", id.str()));
}

hypervisor::Hypervisor& ChainPuller::hypervisor_of(const Volume& volume) const {
    return use_.regions.get(volume.region).hypervisor;
}

void ChainPuller::rebase(const Volume& volume, const LayerId& base) {
    const Region& region = use_.regions.get(volume.region);
    try {
        region.pool.rebase(volume.layer.value(), base, use_.pause.token(),
                           layer_key(region, volume.key_id));
    } catch (const Error&) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        throw;
    }
}

/// Gives way to nobody when `gives_way_to` is empty.
ChainPuller::Outcome ChainPuller::pull(const Volume& volume, const std::vector<LayerId>& chain,
                                       const Keys& gives_way_to) {
    const Region& region = use_.regions.get(volume.region);
    hypervisor::Hypervisor& hypervisor = region.hypervisor;
    std::vector<Bytes> sizes;
    sizes.reserve(chain.size());
    for (const LayerId& layer : chain)
        sizes.push_back(region.pool.allocated_size(layer));
    const std::size_t base = images::choose_base(sizes);
    if (base <= 1) return Outcome::done;
    Bytes copied{0};
    for (std::size_t i = 1; i < base; ++i)
        copied = copied + sizes[i];
    region.pool.check_space(copied, use_.free_space_reserve);

    if (!guest_has(hypervisor, volume)) {
        rebase(volume, chain.at(base));
    } else {
        const std::string name = volume.attachment->instance.str();
        const std::string serial = serial_of(volume.id);
        hypervisor.start_pull(name, serial, region.pool.path_of(chain.at(base)));
        while (hypervisor.is_pulling(name, serial)) {
            if (use_.executor.is_awaited(gives_way_to)) {
                hypervisor.cancel_pull(name, serial);
                learn_parent(volume);
                return Outcome::gave_way;
            }
            use_.pause.wait_or_throw(time_between_looks);
        }
    }
    learn_parent(volume);
    use_.users.note_change();
    images::collect_layers(use_.database, region.pool, region.name);
    if (chain_of(volume).size() < chain.size()) return Outcome::done;
    if (!guest_has(hypervisor, volume)) return Outcome::gave_way;  // the guest has powered off
    throw Error(error_code::internal_error, volume.id.str(),
                fmt::format("the pull of '{}' onto '{}' ended without effect", volume.id.str(),
                            chain.at(base).str()));
}

void ChainPuller::learn_parent(const Volume& volume) {
    if (!volume.layer) return;
    const auto parent = use_.regions.get(volume.region).pool.parent_of(*volume.layer);
    const auto known = use_.database.read([&](Session& session) {
        return images::find_layer(session, volume.region, *volume.layer);
    });
    if (!known || known->parent == parent) return;
    const auto chain = chain_of(volume);
    if (parent && std::ranges::find(chain, *parent) == chain.end()) {
        throw Error(error_code::internal_error, volume.id.str(),
                    fmt::format("the layer of '{}' says that it stands on {}, which was never "
                                "below it: its guest may have broken out of QEMU. Restore the "
                                "volume from a snapshot",
                                volume.id.str(), parent->str()));
    }
    use_.database.write([&](Session& session) {
        images::set_layer_parent(session, known->region, known->id, parent);
    });
    log::info("the chain of {} was pulled short", volume.id.str());
}

}  // namespace kiln::launcher
