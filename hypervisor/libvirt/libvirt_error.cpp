#include "hypervisor/libvirt/libvirt_error.hpp"

#include <fmt/format.h>
#include <libvirt/virterror.h>

namespace kiln::hypervisor {

namespace {

bool is_connection_failure(const virError& error) {
    switch (error.code) {
        case VIR_ERR_NO_CONNECT:
        case VIR_ERR_INVALID_CONN:
        case VIR_ERR_AUTH_FAILED:
        case VIR_ERR_AUTH_CANCELLED:
        case VIR_ERR_AUTH_UNAVAILABLE:
        case VIR_ERR_NO_CLIENT:
            return true;
        default:  // hundreds of others
            break;
    }
    // What the client side of the RPC says itself: "client socket is closed", "End of file while
    // reading data", "Failed to connect socket", keep-alive timeouts.
    return error.domain == VIR_FROM_RPC;
}

/// Disks are encrypted with keys that libvirt keeps, and keeps alone.
const char* how_to_mend(const virError& error) {
    if (error.code != VIR_ERR_NO_SECRET) return "";
    return "; the key of an encrypted disk is missing on this host: bring the secret back from a "
           "backup or another host with 'virsh secret-define' and 'virsh secret-set-value'";
}

}  // namespace

void silence_libvirt() {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
}

int last_libvirt_code() {
    const virError* error = virGetLastError();
    return error == nullptr ? 0 : error->code;
}

Error last_libvirt_error(std::string_view what, const std::string& resource) {
    const virError* error = virGetLastError();
    if (error == nullptr || error->message == nullptr) {
        return Error(error_code::internal_error, resource,
                     fmt::format("cannot {}: libvirt gives no reason", what));
    }
    return Error(
        is_connection_failure(*error) ? error_code::unavailable : error_code::internal_error,
        resource, fmt::format("cannot {}: {}{}", what, error->message, how_to_mend(*error)));
}

}  // namespace kiln::hypervisor
