#include "hypervisor/libvirt/domain_list.hpp"

#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

std::vector<DomainPtr> active_domains(virConnectPtr connection) {
    virDomainPtr* listed = nullptr;
    const int count =
        virConnectListAllDomains(connection, &listed, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (count < 0) throw last_libvirt_error("list libvirt's domains");
    const std::unique_ptr<virDomainPtr, Deleter<std::free>> array(listed);
    std::vector<DomainPtr> domains;
    domains.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
        domains.emplace_back(listed[i]);
    return domains;
}

}  // namespace kiln::hypervisor
