#include "hypervisor/libvirt/connection.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>

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
    ConnectionPtr last;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
        last = std::move(shared_->current);
    }
    shared_->changed.notify_all();
    keeper_.join();
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
    Shared& shared = **static_cast<std::shared_ptr<Shared>*>(opaque);
    const std::lock_guard lock(shared.mutex);
    shared.lost = true;
    shared.changed.notify_all();
}

/// libvirt's registrations hold the connection, so they end before it is closed.
ConnectionPtr Connection::open() {
    const ConnectionPtr opened = open_connection(uri_);
    virConnectSetKeepAlive(opened.get(), keep_alive_interval_s, keep_alive_count);
    auto opaque = std::make_unique<std::shared_ptr<Shared>>(shared_);
    // Drivers inside this process (test:///) cannot be lost, and have no such callback.
    const bool watched =
        virConnectRegisterCloseCallback(opened.get(), on_close, opaque.get(), [](void* pointer) {
            delete static_cast<std::shared_ptr<Shared>*>(pointer);
        }) == 0;
    if (watched) opaque.release();
    const auto unwatch = [watched](virConnectPtr connection) {
        if (watched) virConnectUnregisterCloseCallback(connection, on_close);
    };
    try {
        return ConnectionPtr(opened.get(),
                             [opened, unwatch, ids = events_->attach(opened.get())](auto* pointer) {
                                 DomainEvents::detach(pointer, ids);
                                 unwatch(pointer);
                             });
    } catch (...) {
        unwatch(opened.get());
        throw;
    }
}

void Connection::keep_open() {
    std::unique_lock lock(shared_->mutex);
    while (true) {
        shared_->changed.wait(lock, [&] { return shared_->lost || shared_->stopping; });
        if (shared_->stopping) return;
        spdlog::warn("the connection to libvirt at '{}' was lost; trying to open it again", uri_);
        reopen(lock);
    }
}

void Connection::reopen(std::unique_lock<std::mutex>& lock) {
    ConnectionPtr lost = std::move(shared_->current);
    shared_->lost = false;
    lock.unlock();
    lost.reset();
    on_lost_();
    while (true) {
        ConnectionPtr opened;
        try {
            opened = open();
        } catch (const Error& error) {
            spdlog::debug("{}", error.message());
        }
        lock.lock();
        if (shared_->stopping) return;
        if (opened) {
            spdlog::info("connected to libvirt at '{}' again", uri_);
            shared_->current = std::move(opened);
            return;
        }
        shared_->changed.wait_for(lock, time_between_attempts, [&] { return shared_->stopping; });
        if (shared_->stopping) return;
        lock.unlock();
    }
}

}  // namespace kiln::hypervisor
