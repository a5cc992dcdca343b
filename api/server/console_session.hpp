#pragma once

#include "api/server/coroutine.hpp"  // before Asio

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "api/server/connection.hpp"
#include "hypervisor/hypervisor.hpp"

namespace kiln::api {

/// What a guest has printed and its client has not read yet. Filled by the hypervisor's event
/// thread, emptied on the io thread.
class ConsoleOutput {
  public:
    explicit ConsoleOutput(boost::asio::any_io_executor executor);
    ~ConsoleOutput();
    ConsoleOutput(const ConsoleOutput&) = delete;
    ConsoleOutput& operator=(const ConsoleOutput&) = delete;

    /// They may be called, to no effect, when the ConsoleOutput is gone.
    hypervisor::ConsoleCallbacks callbacks() const;
    /// Waits for output; empty when there will be none any more.
    boost::asio::awaitable<std::string> next();
    /// No more output from now on; next() gives what is left. Any thread.
    void close() { shared_->close(); }

  private:
    struct Shared {
        std::mutex mutex;
        std::string pending;
        bool closed = false;
        std::function<void()> wake;  // empty when the ConsoleOutput is gone

        void add(std::string_view bytes);
        void close();
    };

    std::shared_ptr<boost::asio::steady_timer> woken_;  // io thread; never expires by itself
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

/// The console of one guest and the client that looks at it. Its output is bounded: a client that
/// does not read loses output, as on a serial line.
class ConsoleSession {
  public:
    using Open =
        std::function<std::unique_ptr<hypervisor::Console>(hypervisor::ConsoleCallbacks callbacks)>;

    ConsoleSession(LocalStream& stream, boost::asio::thread_pool& handler_threads);
    ConsoleSession(const ConsoleSession&) = delete;
    ConsoleSession& operator=(const ConsoleSession&) = delete;

    /// Any thread. What `open` throws goes through.
    void open(const Open& open);
    /// Bytes both ways, first `typed`, until either side has closed. A client that only ends its
    /// own side still gets the output.
    boost::asio::awaitable<void> relay(std::string typed);

  private:
    boost::asio::awaitable<void> send_typed(std::string typed);
    boost::asio::awaitable<void> close_with_client();

    LocalStream& stream_;
    boost::asio::thread_pool& handler_threads_;
    ConsoleOutput output_;
    std::unique_ptr<hypervisor::Console> console_;  // goes before its output
};

}  // namespace kiln::api
