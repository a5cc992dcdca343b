#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// Where libvirt's domain events of one connection after another arrive and are handed on. Any
/// thread.
class DomainEvents : public std::enable_shared_from_this<DomainEvents> {
  public:
    using Listener = std::function<void(const DomainEvent&)>;

    /// When it returns, the old listener is not running and will not be called again.
    void set_listener(Listener listener);

    /// Registers for a new connection's events and tells the listener what was missed since the
    /// last one: domains that are gone, agents that are connected. Returns what detach needs.
    std::vector<int> attach(virConnectPtr connection);
    static void detach(virConnectPtr connection, const std::vector<int>& callback_ids);

    /// Changes whenever some domain stops; take it before looking at a domain's state.
    std::uint64_t stop_count();
    /// Waits until stop_count is no longer `seen` or the time has come.
    void wait_for_stop(std::uint64_t seen, std::chrono::steady_clock::time_point until);

    /// From libvirt's callbacks.
    void domain_started(const std::string& domain);
    /// A signal of the host's ends its QEMU; domain_stopped follows.
    void domain_shut_down_by_host(const std::string& domain);
    void domain_stopped(const std::string& domain, const std::string& cause);
    void publish(const DomainEvent& event);

  private:
    int register_callback(virConnectPtr connection, int event_id,
                          virConnectDomainEventGenericCallback callback);
    void catch_up(virConnectPtr connection);

    std::mutex listener_mutex_;
    Listener listener_;

    std::mutex mutex_;
    std::condition_variable stopped_;
    std::uint64_t stop_count_ = 0;
    std::set<std::string> running_;
    std::set<std::string> shut_down_by_host_;
    bool was_attached_ = false;
};

}  // namespace kiln::hypervisor
