#include "builder/inspection/guestfs_appliance.hpp"

#include <fmt/format.h>
#include <guestfs.h>
#include <signal.h>

#include <algorithm>

namespace kiln::builder {

namespace {

constexpr std::size_t most_messages = 64 * 1024;

/// Keeps what the appliance's programs complain about: libguestfs's own error is often only that
/// one of them failed.
void keep_message(guestfs_h*, void* opaque, std::uint64_t, int, int, const char* text,
                  std::size_t size, const std::uint64_t*, std::size_t) {
    auto& messages = *static_cast<std::string*>(opaque);
    // A damaged disk makes the appliance's kernel complain without end.
    messages.append(text, std::min(size, most_messages - std::min(most_messages, messages.size())));
}

}  // namespace

void GuestfsAppliance::Close::operator()(guestfs_h* handle) const {
    guestfs_close(handle);
}

GuestfsAppliance::GuestfsAppliance(bool use_kvm, std::chrono::milliseconds time_limit)
    : handle_(guestfs_create()) {
    if (!handle_) throw unavailable();
    guestfs_set_error_handler(handle(), nullptr, nullptr);
    guestfs_set_event_callback(handle(), &keep_message,
                               GUESTFS_EVENT_LIBRARY | GUESTFS_EVENT_APPLIANCE, 0, &messages_);
    check(guestfs_set_backend(handle(), "direct"));
    if (!use_kvm) check(guestfs_set_backend_setting(handle(), "force_tcg", "1"));
    deadline_ = std::chrono::steady_clock::now() + time_limit;
    watchdog_ = std::jthread([this](const std::stop_token& stop) { end_when_due(stop); });
}

/// The watchdog ends first: libguestfs is about to wait for QEMU itself.
GuestfsAppliance::~GuestfsAppliance() {
    watchdog_.request_stop();
    if (watchdog_.joinable()) watchdog_.join();
}

void GuestfsAppliance::end_when_due(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < deadline_) {
        const auto due = deadline_;
        changed_.wait_until(lock, stop, due, [&] { return deadline_ != due; });
    }
    changed_.wait(lock, stop, [this] { return qemu_ != 0; });
    if (stop.stop_requested()) return;
    is_late_ = true;
    ::kill(qemu_, SIGKILL);
}

void GuestfsAppliance::allow(std::chrono::milliseconds time_limit) {
    const std::lock_guard lock(mutex_);
    if (is_to_end_) return;
    deadline_ = std::chrono::steady_clock::now() + time_limit;
    changed_.notify_all();
}

void GuestfsAppliance::end() {
    const std::lock_guard lock(mutex_);
    is_to_end_ = true;
    deadline_ = {};
    changed_.notify_all();
}

void GuestfsAppliance::add_disk(const std::filesystem::path& file) {
    check(guestfs_add_drive_opts(handle(), file.c_str(), GUESTFS_ADD_DRIVE_OPTS_READONLY, 1,
                                 GUESTFS_ADD_DRIVE_OPTS_FORMAT, "qcow2", -1));
}

void GuestfsAppliance::add_served_disk(const std::filesystem::path& socket,
                                       const std::string& name) {
    const std::string server = "unix:" + socket.string();
    const char* const servers[] = {server.c_str(), nullptr};
    struct guestfs_add_drive_opts_argv options {};
    options.bitmask =
        GUESTFS_ADD_DRIVE_OPTS_FORMAT_BITMASK | GUESTFS_ADD_DRIVE_OPTS_PROTOCOL_BITMASK |
        GUESTFS_ADD_DRIVE_OPTS_SERVER_BITMASK | GUESTFS_ADD_DRIVE_OPTS_CACHEMODE_BITMASK |
        GUESTFS_ADD_DRIVE_OPTS_DISCARD_BITMASK;
    options.format = "raw";
    options.protocol = "nbd";
    options.server = const_cast<char* const*>(servers);  // NOLINT: it is only read
    options.cachemode = "unsafe";  // the server itself flushes when it is time
    options.discard = "enable";
    check(guestfs_add_drive_opts_argv(handle(), name.c_str(), &options));
}

void GuestfsAppliance::add_writable_disk(const std::filesystem::path& file) {
    check(
        guestfs_add_drive_opts(handle(), file.c_str(), GUESTFS_ADD_DRIVE_OPTS_FORMAT, "qcow2", -1));
}

void GuestfsAppliance::add_scratch_disk(std::size_t bytes) {
    check(guestfs_add_drive_scratch(handle(), static_cast<std::int64_t>(bytes), -1));
}

void GuestfsAppliance::launch() {
    check(guestfs_launch(handle()));  // libguestfs itself gives up after twenty minutes
    const std::lock_guard lock(mutex_);
    qemu_ = std::max(guestfs_get_pid(handle()), 0);
    changed_.notify_all();
}

int GuestfsAppliance::shutdown() {
    const int result = guestfs_shutdown(handle());
    const std::lock_guard lock(mutex_);
    qemu_ = 0;  // somebody else may have its number now
    return result;
}

Error GuestfsAppliance::failure(const std::string& what) const {
    if (is_late_) {
        return {
            "InspectionFailed", "",
            fmt::format("{}: it takes too long. The disk may be damaged, or made to be.", what)};
    }
    const char* last = guestfs_last_error(handle_.get());
    return {"InspectionFailed", "",
            fmt::format("{}: {}", what, last == nullptr ? "it does not say why" : last)};
}

Error GuestfsAppliance::unavailable() const {
    if (is_late_) return failure("libguestfs cannot look into the disk");
    const char* last = handle_ ? guestfs_last_error(handle_.get()) : nullptr;
    std::string cause = last == nullptr ? "it cannot be opened" : last;
    if (const std::size_t at = messages_.find("supermin:"); at != std::string::npos) {
        cause += " (" + messages_.substr(at, messages_.find('\n', at) - at) + ")";
    }
    return {error_code::unavailable, "libguestfs",
            fmt::format("libguestfs cannot start its appliance: {}. It needs the packages supermin "
                        "and qemu-system-x86, and a kernel in /boot that the service's user may "
                        "read: apt-get install linux-image-cloud-amd64 supermin",
                        cause)};
}

void GuestfsAppliance::check(int result) const {
    if (result == -1) throw unavailable();
}

}  // namespace kiln::builder
