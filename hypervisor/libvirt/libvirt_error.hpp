#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace kiln::hypervisor {

/// Keeps libvirt from writing its errors to stderr; they become exceptions. Process-wide.
void silence_libvirt();

/// The number (virErrorNumber) of this thread's last libvirt error; 0 when there was none.
int last_libvirt_code();

/// "cannot <what>: <libvirt's message>" for this thread's last libvirt error: Error{Unavailable}
/// when it was the connection that failed, Error{InternalError} otherwise. Call it right after the
/// failed call.
[[nodiscard]] Error last_libvirt_error(std::string_view what, const std::string& resource = "");

}  // namespace kiln::hypervisor
