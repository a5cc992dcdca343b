#include <fmt/format.h>

#include "base/text.hpp"
#include "images/accounts/caller.hpp"
#include "launcher/implementation.hpp"
#include "launcher/types/obstacle.hpp"

namespace kiln::launcher {

namespace {

constexpr std::size_t digits_of_id = 17;

std::string host_id(const std::string& libvirt_uri) {
    return "h-" + sha256_hex(libvirt_uri).substr(0, digits_of_id);
}

/// Why this host cannot run instances of the type now; empty: it can.
std::string obstacle_to(const InstanceType& type, const hypervisor::Accelerators& accelerators,
                        Bytes memory) {
    std::string obstacle = obstacle_to(type, accelerators);
    if (!obstacle.empty() || type.memory <= memory) return obstacle;
    return fmt::format("it has {} MiB of memory, and the host {}", type.memory.in_mebibytes(),
                       memory.in_mebibytes());
}

}  // namespace

const InstanceTypes& Launcher::types() const {
    return implementation_->types();
}

std::vector<InstanceType> Launcher::offered_types(const images::Caller& caller) {
    const Bytes memory = implementation_->host_memory(caller).total;
    std::vector<InstanceType> offered = types().all();
    std::erase_if(offered, [&](const InstanceType& type) {
        return !obstacle_to(type, implementation_->use().accelerators, memory).empty();
    });
    return offered;
}

void Launcher::check_offered(const images::Caller& caller, const InstanceType& type) {
    const Bytes memory = implementation_->host_memory(caller).total;
    const std::string obstacle = obstacle_to(type, implementation_->use().accelerators, memory);
    if (!obstacle.empty()) throw unsupported_type(type, obstacle);
}

OsProfile Launcher::profile_of(const images::Image& image) const {
    return implementation_->profiles().of(kind_of(image));
}

HostDescription Launcher::describe_host(const images::Caller& caller) {
    Implementation& use = *implementation_;
    const Region& region = use.region_of(caller);
    const hypervisor::HostCapacity capacity = region.hypervisor.host_capacity();
    HostDescription host{.id = host_id(region.libvirt_uri),
                         .zone = region.zones.front(),
                         .processors = capacity.processors,
                         .memory = capacity.memory,
                         .accelerators = use.use().accelerators.all()};
    use.database().read([&](Session& session) {
        host.free_memory =
            use.free_memory(session, {.libvirt_uri = region.libvirt_uri, .total = capacity.memory});
        for (images::Instance& instance : images::unfinished_instances(session)) {
            if (instance.owner != caller.account || instance.region != caller.region) continue;
            if (instance.state == images::InstanceState::running)
                host.instances.push_back(std::move(instance));
        }
    });
    return host;
}

}  // namespace kiln::launcher
