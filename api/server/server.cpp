#include "api/server/server.hpp"

#include "api/server/coroutine.hpp"  // before Asio

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <map>
#include <set>
#include <utility>

#include "api/server/connection.hpp"
#include "api/server/listener.hpp"
#include "base/log.hpp"

namespace kiln::api {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds pause_after_failed_accept{100};

/// Counts itself for as long as it lives.
class Counted {
  public:
    explicit Counted(std::size_t& counter) : counter_(counter) { ++counter_; }
    ~Counted() { --counter_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    std::size_t count() const { return counter_; }

  private:
    std::size_t& counter_;
};

}  // namespace

class Server::Implementation {
  public:
    Implementation(ServerOptions options, ServerHandlers handlers)
        : options_(std::move(options)),
          handlers_(std::move(handlers)),
          handler_threads_(options_.limits.handler_threads),
          context_{.limits = options_.limits,
                   .handlers = handlers_,
                   .handler_threads = handler_threads_},
          listener_(options_.socket, options_.access),
          acceptor_(io_, LocalProtocol(), listener_.release_socket()),
          wake_acceptor_(io_),
          stop_deadline_(io_),
          signals_(io_) {
        asio::co_spawn(io_, accept_all(), asio::detached);
    }

    void run() {
        while (!io_.stopped()) {
            try {
                io_.run();
            } catch (const std::exception& error) {
                log::error("the server goes on after: {}", error.what());
            }
        }
        handler_threads_.join();
    }

    void stop() {
        asio::post(io_, [this] { stop_on_io_thread(); });
    }

    void stop_on_signals() {
        signals_.add(SIGTERM);
        signals_.add(SIGINT);
        signals_.async_wait([this](const boost::system::error_code& error, int) {
            if (!error) stop_on_io_thread();
        });
    }

  private:
    asio::awaitable<void> accept_all() {
        while (!context_.stopping) {
            if (connection_count_ >= options_.limits.max_connections) {
                co_await pause(asio::steady_timer::duration::max());
                continue;
            }
            boost::system::error_code error;
            LocalProtocol::socket socket(io_);
            co_await acceptor_.async_accept(socket, into(error));
            if (error == asio::error::operation_aborted) co_return;
            if (error) {
                log::error("cannot accept a connection: {}", error.message());
                co_await pause(pause_after_failed_accept);
                continue;
            }
            ++connection_count_;
            asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
        }
    }

    asio::awaitable<void> pause(asio::steady_timer::duration time) {
        const auto forever = asio::steady_timer::duration::max();
        wake_acceptor_.expires_at(time == forever ? asio::steady_timer::time_point::max()
                                                  : asio::steady_timer::clock_type::now() + time);
        boost::system::error_code woken;
        co_await wake_acceptor_.async_wait(into(woken));
    }

    asio::awaitable<void> serve(LocalProtocol::socket socket) {
        try {
            Connection connection(std::move(socket), context_);
            const Counted counted(connections_of_[connection.peer()]);
            if (counted.count() <= options_.limits.max_connections_of_user) {
                connections_.insert(&connection);
                co_await connection.run();
                connections_.erase(&connection);
            }
        } catch (const std::exception& error) {
            log::error("cannot serve a connection: {}", error.what());
        }
        --connection_count_;
        wake_acceptor_.cancel();
        if (context_.stopping && connection_count_ == 0) io_.stop();
    }

    void stop_on_io_thread() {
        if (std::exchange(context_.stopping, true)) return;
        acceptor_.close();
        signals_.cancel();
        wake_acceptor_.cancel();
        if (handlers_.on_stop) handlers_.on_stop();
        if (connection_count_ == 0) io_.stop();
        for (Connection* connection : connections_)
            connection->stop();
        stop_deadline_.expires_after(options_.limits.stop_time);
        stop_deadline_.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            log::warn("{} requests did not end in time", connection_count_);
            io_.stop();
        });
    }

    ServerOptions options_;
    ServerHandlers handlers_;
    std::map<uid_t, std::size_t> connections_of_;  // outlives the coroutines that io_ holds
    asio::io_context io_;
    asio::thread_pool handler_threads_;
    ServerContext context_;
    std::size_t connection_count_ = 0;   // accepted and not ended
    std::set<Connection*> connections_;  // those of them that have begun
    Listener listener_;
    LocalProtocol::acceptor acceptor_;
    asio::steady_timer wake_acceptor_;
    asio::steady_timer stop_deadline_;
    asio::signal_set signals_;
};

Server::Server(ServerOptions options, ServerHandlers handlers)
    : implementation_(std::make_unique<Implementation>(std::move(options), std::move(handlers))) {}

Server::~Server() = default;

void Server::run() {
    implementation_->run();
}

void Server::stop() {
    implementation_->stop();
}

void Server::stop_on_signals() {
    implementation_->stop_on_signals();
}

}  // namespace kiln::api
