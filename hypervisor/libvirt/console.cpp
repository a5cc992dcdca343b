#include "hypervisor/libvirt/console.hpp"

#include <fmt/format.h>

#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

/// What virStreamRecv and virStreamSend return when they would have to wait.
constexpr int would_wait = -2;
/// A guest that does not read its console cannot make us keep more than this.
constexpr std::size_t most_unsent_bytes = 64 * 1024;

constexpr int events_always =
    VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP;

/// libvirt's remote driver never calls the function that would free a stream callback's object, and
/// the event thread may be about to call the callback once more. A timer of that thread comes
/// after.
void free_after_callbacks(std::shared_ptr<ConsoleStream>* object) {
    virEventAddTimeout(
        0, [](int timer, void* /*opaque*/) { virEventRemoveTimeout(timer); }, object,
        [](void* opaque) { delete static_cast<std::shared_ptr<ConsoleStream>*>(opaque); });
}

StreamPtr open_stream(virConnectPtr connection, virDomainPtr domain) {
    const std::string name = virDomainGetName(domain);
    StreamPtr stream(virStreamNew(connection, VIR_STREAM_NONBLOCK));
    if (!stream) throw last_libvirt_error("make a stream", name);
    if (virDomainOpenConsole(domain, nullptr, stream.get(), 0) < 0) {
        throw last_libvirt_error(fmt::format("open the console of '{}'", name), name);
    }
    return stream;
}

}  // namespace

ConsoleStream::ConsoleStream(virConnectPtr connection, virDomainPtr domain,
                             ConsoleCallbacks callbacks)
    : domain_(virDomainGetName(domain)),
      stream_(open_stream(connection, domain)),
      callbacks_(std::move(callbacks)) {}

void ConsoleStream::start() {
    const std::lock_guard lock(callback_mutex_);  // the first event waits until all is set
    auto self = std::make_unique<Self>(shared_from_this());
    if (virStreamEventAddCallback(stream_.get(), events_always, on_event, self.get(), nullptr) <
        0) {
        throw last_libvirt_error(fmt::format("listen to the console of '{}'", domain_), domain_);
    }
    registered_ = self.release();
}

void ConsoleStream::on_event(virStreamPtr /*stream*/, int events, void* opaque) {
    const Self self = *static_cast<Self*>(opaque);
    if ((events & VIR_STREAM_EVENT_WRITABLE) != 0) self->write_unsent();
    self->receive();
    if ((events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)) != 0) self->close(true);
}

void ConsoleStream::receive() {
    const std::lock_guard lock(callback_mutex_);
    char buffer[16384];
    while (!closed_) {
        const int count = virStreamRecv(stream_.get(), buffer, sizeof buffer);
        if (count == would_wait) return;
        if (count <= 0) return close(true);
        callbacks_.on_bytes({buffer, static_cast<std::size_t>(count)});
    }
}

void ConsoleStream::close(bool tell) {
    const std::lock_guard lock(callback_mutex_);
    if (closed_) return;
    closed_ = true;
    {
        const std::lock_guard send_lock(send_mutex_);
        sending_ended_ = true;
    }
    virStreamEventRemoveCallback(stream_.get());
    if (registered_ != nullptr) free_after_callbacks(registered_);
    virStreamAbort(stream_.get());
    if (tell && callbacks_.on_close) callbacks_.on_close();
}

void ConsoleStream::send(std::string_view bytes) {
    const std::lock_guard lock(send_mutex_);
    if (sending_ended_) {
        throw Error(error_code::internal_error, domain_,
                    fmt::format("the console of '{}' is closed", domain_));
    }
    if (unsent_.size() + bytes.size() > most_unsent_bytes) {
        throw Error(error_code::internal_error, domain_,
                    fmt::format("the guest '{}' does not read its console", domain_));
    }
    unsent_ += bytes;
    virStreamEventUpdateCallback(stream_.get(), events_always | VIR_STREAM_EVENT_WRITABLE);
}

void ConsoleStream::write_unsent() {
    const std::lock_guard lock(send_mutex_);
    while (!unsent_.empty() && !sending_ended_) {
        const int count = virStreamSend(stream_.get(), unsent_.data(), unsent_.size());
        if (count == would_wait) return;
        if (count < 0) {
            sending_ended_ = true;  // receive() sees the same failure and closes
            break;
        }
        unsent_.erase(0, static_cast<std::size_t>(count));
    }
    if (!sending_ended_) virStreamEventUpdateCallback(stream_.get(), events_always);
}

}  // namespace kiln::hypervisor
