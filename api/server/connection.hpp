#pragma once

#include <sys/types.h>

#include "api/server/coroutine.hpp"  // before Asio

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <optional>

#include "api/server/http_exchange.hpp"
#include "api/server/server.hpp"

namespace kiln::api {

class ConsoleSession;

using LocalProtocol = boost::asio::local::stream_protocol;
using LocalStream = boost::beast::basic_stream<LocalProtocol>;

/// What all connections of a server share.
struct ServerContext {
    const ServerLimits& limits;
    const ServerHandlers& handlers;
    boost::asio::thread_pool& handler_threads;
    bool stopping = false;
};

/// One client: reads requests one after the other and answers them. All of it runs on the io
/// thread but for the handlers.
class Connection {
  public:
    Connection(LocalProtocol::socket socket, ServerContext& context);

    /// Ends when either side closes; never throws.
    boost::asio::awaitable<void> run();
    /// Closes the connection unless a request is being handled; that one is still answered.
    void stop();
    /// Who is at the other end.
    uid_t peer() const { return peer_; }

  private:
    boost::asio::awaitable<void> serve();
    boost::asio::awaitable<bool> serve_one();
    boost::asio::awaitable<Response> answer(const HttpRequest& request);
    boost::asio::awaitable<void> serve_console(const HttpRequest& request);
    Response handle(const HttpRequest& request) const;
    void open_console(const HttpRequest& request, const std::string& instance,
                      ConsoleSession& session) const;
    CallerClaim claim(const HttpRequest& request) const;
    std::optional<images::Caller> refused_caller(const HttpRequest& request) const;

    LocalStream stream_;
    ServerContext& context_;
    HttpExchange<LocalStream> exchange_;
    uid_t peer_;
    bool busy_ = false;
};

}  // namespace kiln::api
