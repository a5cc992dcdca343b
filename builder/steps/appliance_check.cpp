#include "builder/steps/appliance_check.hpp"

#include <fmt/format.h>
#include <guestfs.h>

#include <chrono>
#include <memory>

#include "base/error.hpp"

namespace kiln::builder {

namespace {

struct CloseHandle {
    void operator()(guestfs_h* handle) const { guestfs_close(handle); }
};
using Handle = std::unique_ptr<guestfs_h, CloseHandle>;

/// Keeps what the appliance's programs complain about: libguestfs's own error is often only that
/// one of them failed.
void keep_message(guestfs_h*, void* opaque, std::uint64_t, int, int, const char* text,
                  std::size_t size, const std::uint64_t*, std::size_t) {
    static_cast<std::string*>(opaque)->append(text, size);
}

Error unavailable(guestfs_h* handle, const std::string& messages) {
    const char* last = handle == nullptr ? nullptr : guestfs_last_error(handle);
    std::string cause = last == nullptr ? "it cannot be opened" : last;
    if (const std::size_t at = messages.find("supermin:"); at != std::string::npos) {
        cause += " (" + messages.substr(at, messages.find('\n', at) - at) + ")";
    }
    return Error(error_code::unavailable, "libguestfs",
                 fmt::format("libguestfs cannot start its appliance: {}. It needs the packages "
                             "supermin and qemu-system-x86, and a kernel in /boot that the "
                             "service's user may read: apt-get install linux-image-cloud-amd64 "
                             "supermin",
                             cause));
}

void check(guestfs_h* handle, int result, const std::string& messages) {
    if (result == -1) throw unavailable(handle, messages);
}

std::string version_of(guestfs_h* handle) {
    const std::unique_ptr<struct guestfs_version, decltype(&guestfs_free_version)> version(
        guestfs_version(handle), &guestfs_free_version);
    if (!version) return "";
    return fmt::format(" {}.{}.{}", version->major, version->minor, version->release);
}

}  // namespace

std::string check_appliance(bool use_kvm) {
    const auto begin = std::chrono::steady_clock::now();
    std::string messages;
    const Handle handle(guestfs_create());
    if (!handle) throw unavailable(nullptr, messages);
    guestfs_set_error_handler(handle.get(), nullptr, nullptr);
    guestfs_set_event_callback(handle.get(), &keep_message,
                               GUESTFS_EVENT_LIBRARY | GUESTFS_EVENT_APPLIANCE, 0, &messages);
    check(handle.get(), guestfs_set_backend(handle.get(), "direct"), messages);
    if (!use_kvm) {
        check(handle.get(), guestfs_set_backend_setting(handle.get(), "force_tcg", "1"), messages);
    }
    check(handle.get(), guestfs_add_drive_scratch(handle.get(), 1 << 20, -1), messages);
    check(handle.get(), guestfs_launch(handle.get()), messages);
    check(handle.get(), guestfs_shutdown(handle.get()), messages);
    const auto seconds =
        std::chrono::round<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
    return fmt::format("libguestfs{}, appliance started in {} s", version_of(handle.get()),
                       seconds.count());
}

}  // namespace kiln::builder
