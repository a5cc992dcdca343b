#include "hypervisor/libvirt/domain_events.hpp"

#include <utility>

#include "base/log.hpp"
#include "hypervisor/libvirt/domain_list.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"
#include "hypervisor/libvirt/live_domain_xml.hpp"

namespace kiln::hypervisor {

namespace {

using Owner = std::shared_ptr<DomainEvents>;

DomainEvents& owner(void* opaque) {
    return **static_cast<Owner*>(opaque);
}

void free_owner(void* opaque) {
    delete static_cast<Owner*>(opaque);
}

const char* word_for_stop(int detail) {
    switch (static_cast<virDomainEventStoppedDetailType>(detail)) {
        case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
            return guest_shutdown;
        case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
            return "destroyed";
        case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
            return "crashed";
        case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
            return "migrated";
        case VIR_DOMAIN_EVENT_STOPPED_SAVED:
            return "saved";
        case VIR_DOMAIN_EVENT_STOPPED_FAILED:
            return "failed";
        case VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT:
            return "from-snapshot";
    }
    return "unknown";
}

int on_lifecycle(virConnectPtr /*connection*/, virDomainPtr domain, int event, int detail,
                 void* opaque) {
    const std::string name = virDomainGetName(domain);
    if (event == VIR_DOMAIN_EVENT_STARTED) owner(opaque).domain_started(name);
    if (event == VIR_DOMAIN_EVENT_SHUTDOWN && detail == VIR_DOMAIN_EVENT_SHUTDOWN_HOST) {
        owner(opaque).domain_shut_down_by_host(name);
    }
    if (event == VIR_DOMAIN_EVENT_STOPPED) {
        owner(opaque).domain_stopped(name, word_for_stop(detail));
    }
    return 0;
}

void on_agent(virConnectPtr /*connection*/, virDomainPtr domain, int state, int /*reason*/,
              void* opaque) {
    const bool connected = state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED;
    owner(opaque).publish(
        {.domain = virDomainGetName(domain),
         .kind = connected ? DomainEventKind::agent_connected : DomainEventKind::agent_disconnected,
         .detail = ""});
}

void on_reboot(virConnectPtr /*connection*/, virDomainPtr domain, void* opaque) {
    owner(opaque).publish(
        {.domain = virDomainGetName(domain), .kind = DomainEventKind::rebooted, .detail = ""});
}

void on_io_error(virConnectPtr /*connection*/, virDomainPtr domain, const char* /*path*/,
                 const char* /*device*/, int action, const char* reason, void* opaque) {
    if (action != VIR_DOMAIN_EVENT_IO_ERROR_PAUSE) return;  // the guest was told instead
    owner(opaque).publish({.domain = virDomainGetName(domain),
                           .kind = DomainEventKind::io_error,
                           .detail = reason == nullptr ? "" : reason});
}

}  // namespace

void DomainEvents::set_listener(Listener listener) {
    const std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
}

void DomainEvents::publish(const DomainEvent& event) {
    const std::lock_guard lock(listener_mutex_);
    if (!listener_) return;
    try {
        listener_(event);
    } catch (const std::exception& error) {  // libvirt's C code is what called
        log::error("an event of the domain {} is lost: {}", event.domain, error.what());
    }
}

int DomainEvents::register_callback(virConnectPtr connection, int event_id,
                                    virConnectDomainEventGenericCallback callback) {
    auto opaque = std::make_unique<Owner>(shared_from_this());
    const int id = virConnectDomainEventRegisterAny(connection, nullptr, event_id, callback,
                                                    opaque.get(), free_owner);
    if (id < 0) throw last_libvirt_error("register for libvirt's domain events");
    opaque.release();  // libvirt frees it with the registration
    return id;
}

std::vector<int> DomainEvents::attach(virConnectPtr connection) {
    std::vector<int> ids{
        register_callback(connection, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                          VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)),
        register_callback(connection, VIR_DOMAIN_EVENT_ID_REBOOT,
                          VIR_DOMAIN_EVENT_CALLBACK(on_reboot)),
        register_callback(connection, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
                          VIR_DOMAIN_EVENT_CALLBACK(on_agent)),
        register_callback(connection, VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
                          VIR_DOMAIN_EVENT_CALLBACK(on_io_error)),
    };
    catch_up(connection);
    return ids;
}

void DomainEvents::detach(virConnectPtr connection, const std::vector<int>& callback_ids) {
    for (const int id : callback_ids)
        virConnectDomainEventDeregisterAny(connection, id);
}

void DomainEvents::catch_up(virConnectPtr connection) {
    std::set<std::string> missing;
    bool is_first = false;
    {
        const std::lock_guard lock(mutex_);
        missing = running_;
        is_first = !std::exchange(was_attached_, true);
    }
    for (const DomainPtr& domain : active_domains(connection)) {
        const std::string name = virDomainGetName(domain.get());
        missing.erase(name);
        domain_started(name);
        if (is_first || !agent_is_connected(live_domain_xml(domain.get()))) continue;
        publish({.domain = name, .kind = DomainEventKind::agent_connected, .detail = ""});
    }
    for (const std::string& name : missing)
        domain_stopped(name, "gone while the connection to libvirt was lost");
}

void DomainEvents::domain_started(const std::string& domain) {
    const std::lock_guard lock(mutex_);
    running_.insert(domain);
}

void DomainEvents::domain_shut_down_by_host(const std::string& domain) {
    const std::lock_guard lock(mutex_);
    shut_down_by_host_.insert(domain);
}

void DomainEvents::domain_stopped(const std::string& domain, const std::string& cause) {
    bool by_host = false;
    {
        const std::lock_guard lock(mutex_);
        running_.erase(domain);
        by_host = shut_down_by_host_.erase(domain) > 0;
        ++stop_count_;
    }
    stopped_.notify_all();
    publish({.domain = domain,
             .kind = DomainEventKind::stopped,
             .detail = by_host && cause == guest_shutdown ? "ended by the host" : cause});
}

std::uint64_t DomainEvents::stop_count() {
    const std::lock_guard lock(mutex_);
    return stop_count_;
}

void DomainEvents::wait_for_stop(std::uint64_t seen, std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    stopped_.wait_until(lock, until, [&] { return stop_count_ != seen; });
}

}  // namespace kiln::hypervisor
