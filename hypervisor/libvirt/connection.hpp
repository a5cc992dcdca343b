#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "hypervisor/libvirt/domain_events.hpp"
#include "hypervisor/libvirt/event_loop.hpp"
#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// Opens one connection; throws Error{Unavailable} that says how to get libvirt running.
ConnectionPtr open_connection(const std::string& uri);

/// A connection to libvirt that is opened again whenever it is lost, with the events registered
/// anew. Any thread.
class Connection {
  public:
    /// Opens the first connection; throws as open_connection does. `on_lost` is called from a
    /// thread of this object after a connection was lost.
    Connection(std::string uri, std::shared_ptr<DomainEvents> events,
               std::function<void()> on_lost);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// The live connection; throws Error{Unavailable} while there is none.
    ConnectionPtr get();

  private:
    /// What the close callback, which may outlive this object, shares with it. A registered
    /// connection holds it.
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        ConnectionPtr current;
        bool lost = false;
        bool stopping = false;
    };

    static void on_close(virConnectPtr connection, int reason, void* opaque);
    ConnectionPtr open();
    void keep_open();
    ConnectionPtr open_again();

    std::shared_ptr<EventLoop> event_loop_;
    std::string uri_;
    std::shared_ptr<DomainEvents> events_;
    std::function<void()> on_lost_;
    std::shared_ptr<Shared> shared_;
    std::thread keeper_;
};

}  // namespace kiln::hypervisor
