#include "hypervisor/libvirt/event_loop.hpp"

#include <libvirt/libvirt.h>

#include <mutex>

#include "base/log.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

void register_implementation() {
    static std::once_flag once;
    std::call_once(once, [] {
        silence_libvirt();
        if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
            throw last_libvirt_error("set up libvirt's event loop");
        }
    });
}

void do_nothing(int /*timer*/, void* /*opaque*/) {}

}  // namespace

std::shared_ptr<EventLoop> EventLoop::get() {
    static std::mutex mutex;
    static std::weak_ptr<EventLoop> current;
    const std::lock_guard lock(mutex);
    if (std::shared_ptr<EventLoop> running = current.lock()) return running;
    // The end of one loop and the start of the next exclude each other.
    std::shared_ptr<EventLoop> loop(new EventLoop, [](EventLoop* ended) {
        const std::lock_guard end_lock(mutex);
        delete ended;
    });
    current = loop;
    return loop;
}

EventLoop::EventLoop() {
    register_implementation();
    thread_ = std::thread([this] { run(); });
}

EventLoop::~EventLoop() {
    stopping_ = true;
    const int wake_up = virEventAddTimeout(0, do_nothing, nullptr, nullptr);
    thread_.join();
    if (wake_up >= 0) virEventRemoveTimeout(wake_up);
}

void EventLoop::run() {
    while (!stopping_) {
        if (virEventRunDefaultImpl() < 0) {
            log::error("{}", last_libvirt_error("run libvirt's event loop").message());
            break;
        }
    }
    // One more round frees what closed connections left behind.
    const int last = virEventAddTimeout(0, do_nothing, nullptr, nullptr);
    if (virEventRunDefaultImpl() == 0 && last >= 0) virEventRemoveTimeout(last);
}

}  // namespace kiln::hypervisor
