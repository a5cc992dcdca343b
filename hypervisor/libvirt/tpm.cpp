#include "hypervisor/libvirt/tpm.hpp"

#include <fmt/format.h>

#include "hypervisor/domain/domain_xml.hpp"
#include "hypervisor/libvirt/handles.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

void remove_tpm(virConnectPtr connection, const std::string& uuid, GuestArchitecture architecture) {
    const DomainSpec owner{.name = "kiln-tpm-" + uuid,
                           .uuid = uuid,
                           .architecture = architecture,
                           .memory = Bytes::mebibytes(1),
                           .has_tpm = true};
    const DomainPtr domain(virDomainDefineXML(connection, domain_xml(owner).c_str()));
    if (domain && virDomainUndefineFlags(domain.get(), VIR_DOMAIN_UNDEFINE_TPM) == 0) return;
    const Error failure =
        last_libvirt_error(fmt::format("remove the TPM of the domain {}", uuid), uuid);
    if (domain) virDomainUndefineFlags(domain.get(), VIR_DOMAIN_UNDEFINE_KEEP_TPM);
    throw Error(failure);
}

}  // namespace kiln::hypervisor
