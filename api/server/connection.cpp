#include "api/server/connection.hpp"

#include <sys/socket.h>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
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
/// How much of a refused request is read to its end, so that the client sees the refusal.
constexpr std::size_t max_drained_bytes = 16U << 20U;
constexpr std::chrono::seconds drain_time{2};

uid_t peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        throw system_error("read the credentials of a peer");
    }
    return credentials.uid;
}

/// What to answer to a request that could not be read; nullopt when no one waits for an answer.
std::optional<Error> refusal_of(beast::error_code error) {
    if (error == http::error::body_limit) {
        return Error("RequestEntityTooLarge", "", "The request's body is too large");
    }
    if (error == http::error::header_limit) {
        return Error("RequestHeaderTooLarge", "", "The request's header is too large");
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) {
        return std::nullopt;
    }
    if (error.category() == http::make_error_code(http::error::bad_method).category()) {
        return Error("MalformedRequest", "", "The request is not HTTP: " + error.message());
    }
    return std::nullopt;
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

http::response<http::string_body> http_response(Response response, unsigned version,
                                                bool keep_alive) {
    http::response<http::string_body> answer;
    answer.version(version);
    answer.result(response.status);
    answer.set(http::field::server, "kiln");
    answer.set(http::field::content_type, "text/xml;charset=UTF-8");
    answer.set("x-amzn-RequestId", response.request_id);
    answer.keep_alive(keep_alive);
    answer.body() = std::move(response.body);  // megabytes, perhaps
    answer.prepare_payload();
    return answer;
}

}  // namespace

Connection::Connection(LocalProtocol::socket socket, ServerContext& context)
    : stream_(std::move(socket)),
      context_(context),
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
    RequestParser parser;
    parser.header_limit(context_.limits.max_header_bytes);
    parser.body_limit(context_.limits.max_body_bytes);
    const ErrorCode error = co_await read_request(parser);
    if (error) {
        co_await refuse_request(error);
        co_return false;
    }
    const HttpRequest request = parser.release();
    if (is_console_upgrade(request)) {
        co_await serve_console(request);
        co_return false;
    }
    busy_ = true;
    Response response = co_await answer(request);
    const bool keep_alive = request.keep_alive() && !context_.stopping;
    const bool written = co_await write(std::move(response), request.version(), keep_alive);
    busy_ = false;
    co_return written&& keep_alive;
}

asio::awaitable<Connection::ErrorCode> Connection::read_request(RequestParser& parser) {
    ErrorCode error;
    if (!std::exchange(first_request_, false)) {
        stream_.expires_after(context_.limits.idle_time);
        co_await http::async_read_some(stream_, buffer_, parser, into(error));
    }
    if (!error && !parser.is_header_done()) {
        stream_.expires_after(context_.limits.header_time);
        co_await http::async_read_header(stream_, buffer_, parser, into(error));
    }
    if (!error && parser.get()[http::field::expect] == "100-continue") {
        stream_.expires_after(context_.limits.write_time);
        http::response<http::empty_body> go_on(http::status::continue_, 11);
        co_await http::async_write(stream_, go_on, into(error));
    }
    if (!error && !parser.is_done()) {
        stream_.expires_after(context_.limits.body_time);
        co_await http::async_read(stream_, buffer_, parser, into(error));
    }
    co_return error;
}

asio::awaitable<void> Connection::refuse_request(ErrorCode error) {
    const auto refusal = refusal_of(error);
    if (!refusal) co_return;
    constexpr unsigned http_1_1 = 11;
    const bool written = co_await write(error_response(*refusal), http_1_1, false);
    if (written) co_await drain();
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
    return dispatcher.dispatch(request_of(request), *caller);
}

asio::awaitable<Response> Connection::answer(const HttpRequest& request) {
    co_return co_await on_pool(context_.handler_threads, [this, &request] {
        try {
            return handle(request);
        } catch (const Error& error) {
            log::error("uid {} cannot be answered: {}", peer_, error.message());
            return error_response(error);
        }
    });
}

asio::awaitable<bool> Connection::write(Response response, unsigned http_version, bool keep_alive) {
    const auto message = http_response(std::move(response), http_version, keep_alive);
    stream_.expires_after(context_.limits.write_time);
    ErrorCode error;
    co_await http::async_write(stream_, message, into(error));
    co_return !error;
}

asio::awaitable<void> Connection::drain() {
    ErrorCode error;
    stream_.socket().shutdown(LocalProtocol::socket::shutdown_send, error);
    stream_.expires_after(drain_time);
    std::size_t drained = buffer_.size();
    while (!error && drained < max_drained_bytes) {
        buffer_.clear();
        drained +=
            co_await stream_.async_read_some(buffer_.prepare(max_drained_bytes / 256), into(error));
    }
}

/// On a handler thread. Who sees and types what a guest's console shows is told as a request is.
void Connection::open_console(const HttpRequest& request, const std::string& instance,
                              ConsoleSession& session) const {
    std::optional<images::Caller> caller;
    const auto note = [&](const Error* error) {
        if (!caller) caller = refused_caller(request);
        if (!caller) return;
        context_.handlers.dispatcher.note({.action = "OpenConsole",
                                           .caller = *caller,
                                           .request_id = random_uuid(),
                                           .error = error,
                                           .resources = {instance}});
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
        co_await write(std::move(*refusal), request.version(), false);
        co_return;
    }
    http::response<http::empty_body> upgrade(http::status::switching_protocols, request.version());
    upgrade.set(http::field::connection, "Upgrade");
    upgrade.set(http::field::upgrade, console_protocol);
    stream_.expires_after(context_.limits.write_time);
    co_await http::async_write(stream_, upgrade, asio::use_awaitable);
    stream_.expires_never();
    log::info("console of {} opened for uid {}", instance, peer_);
    co_await session.relay(beast::buffers_to_string(buffer_.data()));
    log::info("console of {} closed", instance);
}

}  // namespace kiln::api
