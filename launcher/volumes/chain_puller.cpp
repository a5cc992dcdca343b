#include "launcher/volumes/chain_puller.hpp"

#include <chrono>

#include "base/log.hpp"
#include "images/catalog/layer.hpp"
#include "images/layers/chain.hpp"
#include "images/layers/collection.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::Volume;

constexpr std::chrono::milliseconds time_between_looks{50};

}  // namespace

std::optional<Volume> ChainPuller::load(const VolumeId& id) const {
    return use_.database.read([&](Session& session) { return images::find_volume(session, id); });
}

std::vector<LayerId> ChainPuller::chain_of(const Volume& volume) const {
    std::vector<LayerId> ids;
    if (!volume.layer) return ids;
    const auto chain = use_.database.read(
        [&](Session& session) { return images::layer_chain(session, *volume.layer); });
    ids.reserve(chain.size());
    for (const images::Layer& layer : chain)
        ids.push_back(layer.id);
    return ids;
}

std::optional<LayerId> ChainPuller::base_of(const std::vector<LayerId>& chain) const {
    std::vector<Bytes> sizes;
    sizes.reserve(chain.size());
    for (const LayerId& layer : chain)
        sizes.push_back(use_.pool.allocated_size(layer));
    const std::size_t base = images::choose_base(sizes);
    if (base <= 1) return std::nullopt;
    return chain.at(base);
}

DomainState ChainPuller::domain_state(const Volume& volume) const {
    if (!volume.attachment) return DomainState::absent;
    return use_.hypervisor.domain_state(volume.attachment->instance.str());
}

void ChainPuller::add(const VolumeId& id) {
    const auto volume = load(id);
    if (!volume || !volume->attachment) return;
    const InstanceId instance = volume->attachment->instance;
    const Keys keys{id.str(), instance.str()};
    use_.executor.add_for_all(keys, [this, id, instance, keys] {
        const auto now = load(id);
        if (!now || !now->attachment || now->attachment->instance != instance) return;
        learn_parent(*now);
        const auto chain = chain_of(*now);
        if (chain.size() <= images::long_chain_depth) return;
        if (domain_state(*now) != DomainState::running) return;
        if (const auto base = base_of(chain)) pull(*now, *base, keys);
    });
}

void ChainPuller::add_long_chains() {
    const auto volumes = use_.database.read([&](Session& session) {
        return images::volumes_with_long_chains(session, use_.region, images::long_chain_depth);
    });
    for (const VolumeId& id : volumes) {
        if (!use_.executor.is_busy(id.str())) add(id);
    }
}

void ChainPuller::make_room(const VolumeId& id) {
    const auto volume = load(id);
    if (!volume || !volume->layer) return;
    if (domain_state(*volume) != DomainState::absent) {
        const std::string name = volume->attachment->instance.str();
        if (use_.hypervisor.active_file(name, serial_of(id))) {
            use_.hypervisor.cancel_pull(name, serial_of(id));
        }
    }
    learn_parent(*volume);
    const auto chain = chain_of(*volume);
    if (chain.size() < images::max_chain_depth) return;
    if (const auto base = base_of(chain)) pull(*volume, *base, {});
}

/// Gives way to nobody when `gives_way_to` is empty.
void ChainPuller::pull(const Volume& volume, const LayerId& base, const Keys& gives_way_to) {
    if (domain_state(volume) == DomainState::absent) {
        use_.pool.rebase(volume.layer.value(), base);
    } else {
        const std::string name = volume.attachment->instance.str();
        const std::string serial = serial_of(volume.id);
        if (!use_.hypervisor.is_pulling(name, serial)) {
            use_.hypervisor.start_pull(name, serial, use_.pool.path_of(base));
        }
        while (use_.hypervisor.is_pulling(name, serial)) {
            if (use_.executor.is_awaited(gives_way_to)) use_.hypervisor.cancel_pull(name, serial);
            use_.pause.wait_or_throw(time_between_looks);
        }
    }
    learn_parent(volume);
    images::collect_layers(use_.database, use_.pool, use_.region);
}

void ChainPuller::learn_parent(const Volume& volume) {
    if (!volume.layer) return;
    const auto parent = use_.pool.parent_of(*volume.layer);
    use_.database.write([&](Session& session) {
        const auto layer = images::find_layer(session, *volume.layer);
        if (!layer || layer->parent == parent) return;
        images::set_layer_parent(session, layer->id, parent);
        log::info("the chain of {} was pulled short", volume.id.str());
    });
}

}  // namespace kiln::launcher
