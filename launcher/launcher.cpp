#include "launcher/launcher.hpp"

#include "images/catalog/operation.hpp"
#include "images/layers/collection.hpp"
#include "launcher/implementation.hpp"

namespace kiln::launcher {

Launcher::Launcher(Dependencies dependencies)
    : implementation_(std::make_unique<Implementation>(std::move(dependencies))) {}

Launcher::~Launcher() = default;

void Launcher::recover() {
    Implementation& use = *implementation_;
    // One that is reached later has no idea either of what happened meanwhile.
    use.use().regions.set_recovery([&use](const Region& region) {
        use.recover_chains(region);
        use.networks().apply(region);
        images::collect_layers(use.database(), region.pool, region.name);
    });
    for (const Region* region : use.use().regions.reachable())
        use.recover_chains(*region);
    use.saved_appliances().recover(use.use().regions);
    // Guests that run are closed off before anything else; those that start find their network.
    use.networks().apply_all();
    const auto [operations, instances] = use.database().read([](Session& session) {
        return std::pair(images::open_operations(session), images::unfinished_instances(session));
    });
    for (const images::Instance& instance : instances) {
        if (instance.state != images::InstanceState::running) continue;
        use.status().started(instance.id);
    }
    for (const images::Operation& operation : operations)
        use.resume_operation(operation);
    // When nobody watched, a guest that is gone is taken to have wished it, unless the host was
    // restarted, or the container that kiln and libvirt run in.
    const bool restarted = use.host_was_restarted();
    use.settle_domains(restarted ? "the host was restarted" : hypervisor::guest_shutdown);
    // After a restart housekeeping does it, so that a crash before the jobs' end forgets nothing.
    if (!restarted) use.remember_host_boot();
    for (const Region* region : use.use().regions.reachable())
        use.collect_layers(region->name);
    stop_instances_of_closed_accounts();
    // Again later: those that were pending when their account was closed.
    use.start_housekeeping([this] { stop_instances_of_closed_accounts(); });
}

void Launcher::set_network_listener(std::function<void(const LiveNetwork&)> listener) {
    implementation_->networks().set_listener(std::move(listener));
}

Reachability Launcher::reachability(const InstanceId& id) const {
    return implementation_->status().reachability(id);
}

std::optional<std::string> Launcher::bridging_obstacle(const images::Caller& caller) {
    return implementation_->networks().obstacle(implementation_->region_of(caller));
}

images::Vpc Launcher::vpc(const images::Caller& caller) {
    return implementation_->networks().vpc_of(implementation_->region_of(caller));
}

void Launcher::remove_unused_networks() {
    implementation_->networks().remove_unused();
}

void Launcher::prepare_stop() {
    implementation_->pause().stop();
}

void Launcher::wait_until_idle() {
    implementation_->executor().wait_until_idle();
}

}  // namespace kiln::launcher
