#pragma once

#include <atomic>
#include <memory>
#include <thread>

namespace kiln::hypervisor {

/// The thread that runs libvirt's default event loop, which exists once in a process. Get it before
/// a connection is opened and let it go after the connection is closed, never from a callback.
class EventLoop {
  public:
    /// The running loop, started when nobody holds it yet.
    static std::shared_ptr<EventLoop> get();

    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

  private:
    EventLoop();
    /// Waits for the callback that runs now, then ends the thread. Not from a callback.
    ~EventLoop();
    void run();

    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace kiln::hypervisor
