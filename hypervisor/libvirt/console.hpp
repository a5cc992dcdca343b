#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// The stream of a domain's first console. libvirt's event thread may still hold it when the last
/// user lets it go, so it is shared with the callback.
class ConsoleStream : public std::enable_shared_from_this<ConsoleStream> {
  public:
    ConsoleStream(virConnectPtr connection, virDomainPtr domain, ConsoleCallbacks callbacks);

    /// Begins to call back.
    void start();
    /// Never waits; throws when the stream has ended or the guest leaves too much unread.
    void send(std::string_view bytes);
    /// Ends the stream; no callback runs or comes after it, unless it is called from one. With
    /// `tell`, on_close is called first if it was not.
    void close(bool tell);

  private:
    using Self = std::shared_ptr<ConsoleStream>;

    static void on_event(virStreamPtr stream, int events, void* opaque);
    void receive();
    void write_unsent();

    std::string domain_;
    StreamPtr stream_;
    // Held while a callback runs; recursive because a callback may destroy the Console.
    std::recursive_mutex callback_mutex_;
    ConsoleCallbacks callbacks_;
    bool closed_ = false;
    Self* registered_ = nullptr;  // libvirt's until close
    std::mutex send_mutex_;       // taken after callback_mutex_ where both are
    std::string unsent_;          // the event thread writes it
    bool sending_ended_ = false;
};

class LibvirtConsole final : public Console {
  public:
    explicit LibvirtConsole(std::shared_ptr<ConsoleStream> stream) : stream_(std::move(stream)) {}
    ~LibvirtConsole() override { stream_->close(false); }
    LibvirtConsole(const LibvirtConsole&) = delete;
    LibvirtConsole& operator=(const LibvirtConsole&) = delete;

    void send(std::string_view bytes) override { stream_->send(bytes); }

  private:
    std::shared_ptr<ConsoleStream> stream_;
};

}  // namespace kiln::hypervisor
