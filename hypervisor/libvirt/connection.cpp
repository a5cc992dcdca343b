#include "hypervisor/libvirt/connection.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/log.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

/// A daemon that has not said anything for interval × count seconds is taken for dead.
constexpr int keep_alive_interval_s = 5;
constexpr unsigned keep_alive_count = 6;
constexpr std::chrono::milliseconds time_between_attempts{500};

std::string how_to_mend(const std::string& uri) {
    if (uri == "qemu:///system") {
        return "start the daemon with 'systemctl start libvirtd' (or 'virtlogd -d; libvirtd -d' on "
               "a machine without systemd), and be root or in the group libvirt";
    }
    if (uri == "qemu:///session") {
        return "install libvirt-daemon, whose libvirtd is started for each user, and do not be "
               "root: root uses qemu:///system";
    }
    return fmt::format("'virsh --connect {} version' must work for this user", uri);
}

}  // namespace

ConnectionPtr open_connection(const std::string& uri) {
    virConnectPtr opened = virConnectOpen(uri.c_str());
    if (opened == nullptr) {
        const Error cause = last_libvirt_error(fmt::format("connect to libvirt at '{}'", uri));
        throw Error(error_code::unavailable, uri,
                    fmt::format("{}; {}", cause.message(), how_to_mend(uri)));
    }
    return ConnectionPtr(opened, virConnectClose);
}

Connection::Connection(std::string uri, std::shared_ptr<DomainEvents> events,
                       std::function<void()> on_lost)
    : event_loop_(EventLoop::get()),
      uri_(std::move(uri)),
      events_(std::move(events)),
      on_lost_(std::move(on_lost)),
      shared_(std::make_shared<Shared>()) {
    shared_->current = open();
    keeper_ = std::thread([this] { keep_open(); });
}

Connection::~Connection() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
    }
    shared_->changed.notify_all();
    keeper_.join();
    // Without the mutex: closing waits for a close callback that runs, and that takes it.
    shared_->current.reset();
}

ConnectionPtr Connection::get() {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->current && !shared_->lost) return shared_->current;
    throw Error(error_code::unavailable, uri_,
                fmt::format("the connection to libvirt at '{}' was lost and is being opened again; "
                            "if this lasts, {}",
                            uri_, how_to_mend(uri_)));
}

void Connection::on_close(virConnectPtr /*connection*/, int reason, void* opaque) {
    if (reason == VIR_CONNECT_CLOSE_REASON_CLIENT) return;  // it was us
    Shared& shared = *static_cast<Shared*>(opaque);
    const std::lock_guard lock(shared.mutex);
    shared.lost = true;
    shared.changed.notify_all();
}

/// libvirt's registrations hold the connection, so they end before it is closed. Drivers inside
/// this process (test:///) cannot be lost, and accept the close callback without keeping it.
ConnectionPtr Connection::open() {
    const ConnectionPtr opened = open_connection(uri_);
    virConnectSetKeepAlive(opened.get(), keep_alive_interval_s, keep_alive_count);
    virConnectRegisterCloseCallback(opened.get(), on_close, shared_.get(), nullptr);
    try {
        return ConnectionPtr(opened.get(), [opened, shared = shared_,
                                            ids = events_->attach(opened.get())](auto* connection) {
            DomainEvents::detach(connection, ids);
            virConnectUnregisterCloseCallback(connection, on_close);
        });
    } catch (...) {
        virConnectUnregisterCloseCallback(opened.get(), on_close);
        throw;
    }
}

void Connection::keep_open() {
    std::unique_lock lock(shared_->mutex);
    while (true) {
        shared_->changed.wait(lock, [&] { return shared_->lost || shared_->stopping; });
        if (shared_->stopping) return;
        ConnectionPtr lost = std::move(shared_->current);
        shared_->lost = false;
        lock.unlock();
        log::warn("the connection to libvirt at '{}' was lost; trying to open it again", uri_);
        lost.reset();
        on_lost_();
        ConnectionPtr opened = open_again();
        lock.lock();
        shared_->current = std::move(opened);
    }
}

/// Tries until it succeeds; empty when this object is to end.
ConnectionPtr Connection::open_again() {
    while (true) {
        try {
            ConnectionPtr opened = open();
            log::info("connected to libvirt at '{}' again", uri_);
            return opened;
        } catch (const Error& error) {
            log::debug("{}", error.message());
        }
        std::unique_lock lock(shared_->mutex);
        if (shared_->changed.wait_for(lock, time_between_attempts,
                                      [&] { return shared_->stopping; })) {
            return nullptr;
        }
    }
}

}  // namespace kiln::hypervisor
