#include "api/server/connection.hpp"

#include <sys/socket.h>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/write.hpp>
#include <string>
#include <utility>

#include "api/server/console_session.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/random.hpp"

namespace kiln::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr beast::string_view console_path = "/console/";
constexpr const char* console_protocol = "kiln-console";

uid_t peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        throw system_error("read the credentials of a peer");
    }
    return credentials.uid;
}

bool is_console_upgrade(const HttpRequest& request) {
    return request.method() == http::verb::get && request.target().starts_with(console_path) &&
           request[http::field::upgrade] == console_protocol;
}

Request request_of(const HttpRequest& request) {
    return {.method = std::string(request.method_string()),
            .target = std::string(request.target()),
            .content_type = std::string(request[http::field::content_type]),
            .body = request.body()};
}

}  // namespace

Connection::Connection(LocalProtocol::socket socket, ServerContext& context)
    : stream_(std::move(socket)),
      context_(context),
      exchange_(stream_, context.limits),
      peer_(peer_of(stream_.socket().native_handle())) {}

asio::awaitable<void> Connection::run() {
    try {
        co_await serve();
    } catch (const std::exception& error) {
        log::error("a connection of uid {} failed: {}", peer_, error.what());
    }
}

void Connection::stop() {
    if (!busy_) stream_.close();
}

asio::awaitable<void> Connection::serve() {
    bool more = true;
    while (more && !context_.stopping)
        more = co_await serve_one();
}

asio::awaitable<bool> Connection::serve_one() {
    const auto request = co_await exchange_.read();
    if (!request) co_return false;
    if (is_console_upgrade(*request)) {
        co_await serve_console(*request);
        co_return false;
    }
    busy_ = true;
    Response response = co_await answer(*request);
    const bool keep_alive = request->keep_alive() && !context_.stopping;
    const bool written =
        co_await exchange_.write(std::move(response), request->version(), keep_alive);
    busy_ = false;
    co_return written&& keep_alive;
}

CallerClaim Connection::claim(const HttpRequest& request) const {
    return {.uid = peer_,
            .account = std::string(request[account_header]),
            .region = std::string(request[region_header])};
}

std::optional<images::Caller> Connection::refused_caller(const HttpRequest& request) const {
    const auto& find = context_.handlers.refused_caller_of;
    return find ? find(claim(request)) : std::nullopt;
}

/// On a handler thread.
Response Connection::handle(const HttpRequest& request) const {
    const Dispatcher& dispatcher = context_.handlers.dispatcher;
    std::optional<images::Caller> caller;
    try {
        caller = context_.handlers.caller_of(claim(request));
    } catch (const Error& error) {
        log::info("uid {} was refused: {}: {}", peer_, error.code(), error.message());
        const auto refused = refused_caller(request);
        return refused ? dispatcher.refuse(request_of(request), *refused, error)
                       : error_response(error);
    }
    const auto& take_piece = context_.handlers.take_piece;
    if (take_piece && request.method() == http::verb::put)
        return take_piece(*caller, request_of(request));
    return dispatcher.dispatch(request_of(request), *caller);
}

asio::awaitable<Response> Connection::answer(const HttpRequest& request) {
    Response response = co_await on_pool(context_.handler_threads, [this, &request] {
        try {
            return handle(request);
        } catch (const Error& error) {
            log::error("uid {} cannot be answered: {}", peer_, error.message());
            return error_response(error);
        }
    });
    if (response.noted) co_await until(*response.noted, context_.handler_threads);
    co_return response;
}

/// On a handler thread. Who sees and types what a guest's console shows is told as a request is.
void Connection::open_console(const HttpRequest& request, const std::string& instance,
                              ConsoleSession& session) const {
    std::optional<images::Caller> caller;
    const auto note = [&](const Error* error) {
        if (!caller) caller = refused_caller(request);
        if (!caller) return;
        const auto noted = context_.handlers.dispatcher.note({.action = "OpenConsole",
                                                              .caller = *caller,
                                                              .request_id = random_uuid(),
                                                              .error = error,
                                                              .resources = {instance}});
        if (noted) noted->wait();
    };
    try {
        caller = context_.handlers.caller_of(claim(request));
        session.open([&](hypervisor::ConsoleCallbacks callbacks) {
            return context_.handlers.open_console(*caller, InstanceId(instance).str(),
                                                  std::move(callbacks));
        });
    } catch (const Error& error) {
        note(&error);
        throw;
    }
    note(nullptr);
}

asio::awaitable<void> Connection::serve_console(const HttpRequest& request) {
    const std::string instance(request.target().substr(console_path.size()));
    ConsoleSession session(stream_, context_.handler_threads);
    std::optional<Response> refusal;
    co_await on_pool(context_.handler_threads, [&] {
        try {
            open_console(request, instance, session);
        } catch (const Error& error) {
            refusal = error_response(error);
        }
        return true;
    });
    if (refusal) {
        co_await exchange_.write(std::move(*refusal), request.version(), false);
        co_return;
    }
    http::response<http::empty_body> upgrade(http::status::switching_protocols, request.version());
    upgrade.set(http::field::connection, "Upgrade");
    upgrade.set(http::field::upgrade, console_protocol);
    stream_.expires_after(context_.limits.write_time);
    co_await http::async_write(stream_, upgrade, asio::use_awaitable);
    stream_.expires_never();
    log::info("console of {} opened for uid {}", instance, peer_);
    co_await session.relay(beast::buffers_to_string(exchange_.rest().data()));
    log::info("console of {} closed", instance);
}

}  // namespace kiln::api
