#include "api/server/console_session.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace kiln::api {

namespace asio = boost::asio;

namespace {

constexpr std::size_t max_pending_bytes = 1U << 20U;  // of a client that does not read
constexpr std::size_t typed_chunk_bytes = 4096;

}  // namespace

ConsoleOutput::ConsoleOutput(asio::any_io_executor executor)
    : woken_(
          std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max())) {
    const std::weak_ptr<asio::steady_timer> timer = woken_;
    shared_->wake = [executor, timer] {
        asio::post(executor, [timer] {
            if (const auto woken = timer.lock()) woken->cancel();
        });
    };
}

ConsoleOutput::~ConsoleOutput() {
    const std::lock_guard lock(shared_->mutex);
    shared_->wake = nullptr;  // the executor may go now
}

hypervisor::ConsoleCallbacks ConsoleOutput::callbacks() const {
    return {.on_bytes = [shared = shared_](std::string_view bytes) { shared->add(bytes); },
            .on_close = [shared = shared_] { shared->close(); }};
}

void ConsoleOutput::Shared::add(std::string_view bytes) {
    const std::lock_guard lock(mutex);
    if (closed || pending.size() + bytes.size() > max_pending_bytes) return;
    pending += bytes;
    if (wake) wake();
}

void ConsoleOutput::Shared::close() {
    const std::lock_guard lock(mutex);
    closed = true;
    if (wake) wake();
}

asio::awaitable<std::string> ConsoleOutput::next() {
    while (true) {
        {
            const std::lock_guard lock(shared_->mutex);
            if (!shared_->pending.empty() || shared_->closed) {
                co_return std::exchange(shared_->pending, {});
            }
        }
        boost::system::error_code canceled;
        co_await woken_->async_wait(into(canceled));
    }
}

ConsoleSession::ConsoleSession(LocalStream& stream, asio::thread_pool& handler_threads)
    : stream_(stream), handler_threads_(handler_threads), output_(stream.get_executor()) {}

void ConsoleSession::open(const Open& open) {
    console_ = open(output_.callbacks());
}

asio::awaitable<void> ConsoleSession::relay(std::string typed) {
    int running = 2;
    asio::steady_timer ended(stream_.get_executor(), asio::steady_timer::time_point::max());
    const auto on_end = [&](const std::exception_ptr&) {
        if (--running == 0) ended.cancel();
    };
    asio::co_spawn(stream_.get_executor(), send_typed(std::move(typed)), on_end);
    asio::co_spawn(stream_.get_executor(), close_with_client(), on_end);

    boost::system::error_code error;
    while (!error) {
        const std::string bytes = co_await output_.next();
        if (bytes.empty()) break;
        co_await asio::async_write(stream_, asio::buffer(bytes), into(error));
    }
    stream_.close();
    while (running > 0)
        co_await ended.async_wait(into(error));
    // Closing may wait for the hypervisor.
    co_await on_pool(handler_threads_, [this] {
        console_.reset();
        return true;
    });
}

asio::awaitable<void> ConsoleSession::send_typed(std::string typed) {
    std::array<char, typed_chunk_bytes> chunk{};
    boost::system::error_code error;
    try {
        while (!error) {
            if (!typed.empty()) {
                co_await on_pool(handler_threads_, [this, &typed] {
                    console_->send(typed);
                    return true;
                });
            }
            const std::size_t size =
                co_await stream_.async_read_some(asio::buffer(chunk), into(error));
            typed.assign(chunk.data(), size);
        }
    } catch (const std::exception& failure) {
        log::info("a console does not take what is typed: {}", failure.what());
        output_.close();
    }
    if (error != asio::error::eof) output_.close();
}

asio::awaitable<void> ConsoleSession::close_with_client() {
    boost::system::error_code hung_up;
    co_await stream_.socket().async_wait(LocalProtocol::socket::wait_error, into(hung_up));
    output_.close();
}

}  // namespace kiln::api
