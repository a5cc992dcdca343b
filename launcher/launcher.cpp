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
    use.learn_parents();
    images::reconcile_pool(use.database(), use.use().pool, use.use().settings.region);
    const auto [operations, instances] = use.database().read([](Session& session) {
        return std::pair(images::open_operations(session), images::unfinished_instances(session));
    });
    for (const images::Instance& instance : instances) {
        if (instance.state != images::InstanceState::running) continue;
        use.status().started(instance.id);
        const auto state = use.use().hypervisor.domain_state(instance.id.str());
        if (state == hypervisor::DomainState::paused_by_io_error) {
            use.status().io_failed(instance.id);
        }
    }
    for (const images::Operation& operation : operations)
        use.resume_operation(operation);
    // When nobody watched, a guest that is gone is taken to have wished it, unless the host was
    // restarted, or the container that kiln and libvirt run in.
    const bool restarted = use.host_was_restarted();
    use.settle_domains(restarted ? "the host was restarted" : hypervisor::guest_shutdown);
    // After a restart housekeeping does it, so that a crash before the jobs' end forgets nothing.
    if (!restarted) use.remember_host_boot();
    images::collect_layers(use.database(), use.use().pool, use.use().settings.region);
    use.start_housekeeping();
}

Reachability Launcher::reachability(const InstanceId& id) const {
    return implementation_->status().reachability(id);
}

void Launcher::wait_until_idle() {
    implementation_->executor().wait_until_idle();
}

}  // namespace kiln::launcher
