#include "api/server/endpoint.hpp"

#include "api/server/coroutine.hpp"  // before Asio

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/detect_ssl.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <list>
#include <map>
#include <thread>
#include <utility>

#include "api/server/http_exchange.hpp"
#include "api/server/tls_context.hpp"
#include "api/server/turns.hpp"
#include "api/sigv4/canonical.hpp"
#include "base/error.hpp"
#include "base/listen_address.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace kiln::api {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::chrono::milliseconds pause_after_failed_accept{100};
constexpr std::chrono::seconds farewell_time{2};  // of a TLS connection
constexpr std::size_t keys_are_remembered = 1024;

sigv4::Request signed_request(const HttpRequest& request) {
    const std::string_view target(request.target().data(), request.target().size());
    const std::size_t question = target.find('?');
    sigv4::Request plain{.method = std::string(request.method_string()),
                         .path = std::string(target.substr(0, question)),
                         .body = request.body()};
    if (question != std::string_view::npos) plain.query = target.substr(question + 1);
    for (const auto& field : request) {
        plain.headers.push_back(
            {.name = sigv4::lower_case({field.name_string().data(), field.name_string().size()}),
             .value = std::string(field.value())});
    }
    return plain;
}

/// Strangers make no log of more lines than a few a second.
class LogRate {
  public:
    /// Whether there is room for a line.
    bool take() {
        constexpr std::chrono::seconds refilled{1};
        constexpr int lines = 5;
        const auto now = std::chrono::steady_clock::now();
        if (now - since_ >= refilled) {
            since_ = now;
            left_ = lines;
        }
        return left_-- > 0;
    }

  private:
    std::chrono::steady_clock::time_point since_ = {};
    int left_ = 0;
};

Tcp::endpoint address_of(const EndpointOptions& options) {
    ErrorCode error;
    const auto address = asio::ip::make_address(options.address, error);
    if (!error) return {address, options.port};
    throw Error("InvalidConfiguration", options.address,
                fmt::format("'{}' is not an IP address to listen on: expecting one like 127.0.0.1",
                            options.address));
}

/// How far a connection has come.
enum class Standing {
    stranger,  // it waits, and has never been let in
    known,     // it waits for another request, or that one for its turn
    answered,  // it takes its answer
    busy       // a request of it is being handled
};

struct Client {
    std::string peer;
    Standing standing = Standing::stranger;
    std::function<void()> close = nullptr;
    Turns::Waiter* waiter = nullptr;  // while a request of it waits for its turn

    void end() const {
        close();
        if (waiter != nullptr) waiter->give_up();
    }
};

}  // namespace

class Endpoint::Implementation {
  public:
    Implementation(EndpointOptions options, Answer answer)
        : options_(std::move(options)),
          answer_(std::move(answer)),
          turns_(threads_of_account(options_.limits)),
          handler_threads_(options_.limits.handler_threads),
          acceptor_(io_),
          woken_(io_),
          stop_deadline_(io_) {
        if (options_.tls) tls_.emplace(tls_context(*options_.tls));
        listen();
        asio::co_spawn(io_, accept_all(), asio::detached);
        thread_ = std::thread([this] { run(); });
    }
    ~Implementation() {
        request_stop();
        thread_.join();
        handler_threads_.join();
    }
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    std::uint16_t port() const { return port_; }
    void request_stop() {
        asio::post(io_, [this] { stop(); });
    }

  private:
    void listen() {
        const Tcp::endpoint address = address_of(options_);
        try {
            acceptor_.open(address.protocol());
            acceptor_.set_option(Tcp::acceptor::reuse_address(true));
            acceptor_.bind(address);
            acceptor_.listen();
        } catch (const boost::system::system_error& error) {
            throw Error("AddressInUse", options_.address,
                        fmt::format("cannot listen on {}: {}",
                                    authority({.address = options_.address, .port = options_.port}),
                                    error.code().message()));
        }
        port_ = acceptor_.local_endpoint().port();
    }

    void run() {
        while (!io_.stopped()) {
            try {
                io_.run();
            } catch (const std::exception& error) {
                log::error("the endpoint goes on after: {}", error.what());
            }
        }
    }

    void stop() {
        if (std::exchange(stopping_, true)) return;
        ErrorCode error;
        acceptor_.close(error);
        woken_.cancel();
        for (const Client& client : clients_)
            if (client.standing == Standing::stranger || client.standing == Standing::known)
                client.end();
        if (clients_.empty()) io_.stop();
        stop_deadline_.expires_after(options_.limits.stop_time);
        stop_deadline_.async_wait([this](const ErrorCode& canceled) {
            if (canceled) return;
            for (const Client& client : clients_)
                client.end();
        });
    }

    asio::awaitable<void> accept_all() {
        while (!stopping_) {
            ErrorCode error;
            Tcp::socket socket = co_await acceptor_.async_accept(into(error));
            if (stopping_) co_return;
            if (error) {
                log::error("cannot accept a connection: {}", error.message());
                woken_.expires_after(pause_after_failed_accept);
                co_await woken_.async_wait(into(error));
                continue;
            }
            while (clients_.size() >= options_.limits.max_connections && !make_room()) {
                woken_.expires_at(asio::steady_timer::time_point::max());
                co_await woken_.async_wait(into(error));
            }
            if (stopping_) co_return;
            socket.set_option(Tcp::no_delay(true), error);
            try {
                asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
            } catch (const std::exception& failure) {
                log::error("cannot serve a connection: {}", failure.what());
            }
        }
    }

    /// Clients stand in the order in which they began to wait. Strangers go first while they have
    /// half of the places, so that neither they nor those who were let in can take all. Whether
    /// there was one to close.
    bool make_room() {
        const auto strangers = std::ranges::count(clients_, Standing::stranger, &Client::standing);
        const bool are_many =
            2 * static_cast<std::size_t>(strangers) >= options_.limits.max_connections;
        for (const Standing standing :
             {are_many ? Standing::stranger : Standing::known,
              are_many ? Standing::known : Standing::stranger, Standing::answered}) {
            const auto oldest = std::ranges::find(clients_, standing, &Client::standing);
            if (oldest == clients_.end()) continue;
            oldest->standing = Standing::busy;  // it is not closed twice
            oldest->end();
            return true;
        }
        return false;
    }

    asio::awaitable<void> serve(Tcp::socket socket) {
        ErrorCode error;
        const std::string peer = socket.remote_endpoint(error).address().to_string();
        const auto client = clients_.insert(clients_.end(), Client{.peer = peer});
        try {
            if (tls_) {
                co_await serve_tls(std::move(socket), client);
            } else {
                PlainStream stream(std::move(socket));
                client->close = [&stream] { stream.close(); };
                co_await serve_stream(stream, client);
            }
        } catch (const std::exception& failure) {
            log::error("a connection of {} failed: {}", peer, failure.what());
        }
        clients_.erase(client);
        woken_.cancel();
        if (stopping_ && clients_.empty()) io_.stop();
    }

    using Clients = std::list<Client>;

    asio::awaitable<void> serve_tls(Tcp::socket socket, Clients::iterator client) {
        TlsStream stream(PlainStream(std::move(socket)), *tls_);
        PlainStream& plain = beast::get_lowest_layer(stream);
        client->close = [&plain] { plain.close(); };
        plain.expires_after(options_.limits.header_time);
        ErrorCode error;
        beast::flat_buffer hello;
        const bool is_tls = co_await beast::async_detect_ssl(plain, hello, into(error));
        if (error) co_return;
        if (!is_tls) {
            co_await refuse_plain_http(plain);
            co_return;
        }
        co_await stream.async_handshake(asio::ssl::stream_base::server, hello.data(), into(error));
        if (error) co_return;
        co_await serve_stream(stream, client);
        if (stopping_) co_return;
        client->standing = Standing::stranger;  // it need not say farewell
        plain.expires_after(farewell_time);
        co_await stream.async_shutdown(into(error));
    }

    asio::awaitable<void> refuse_plain_http(PlainStream& stream) {
        constexpr unsigned http_1_1 = 11;
        HttpExchange<PlainStream> exchange(stream, options_.limits);
        co_await exchange.write(
            error_response(Error("MalformedRequest", "", "HTTPS is spoken here: use https://")),
            http_1_1, false);
    }

    void log_refusal(const Client& client, const std::string& key, const SignedAnswer& answered) {
        if (!log_rate_.take()) return;
        log::info("status {} for {}, which signs with the key '{}' ({})", answered.response.status,
                  client.peer, on_one_line(key), answered.response.request_id);
    }

    template <class Stream>
    asio::awaitable<void> serve_stream(Stream& stream, Clients::iterator client) {
        HttpExchange<Stream> exchange(stream, options_.limits);
        while (!stopping_) {
            const auto request = co_await exchange.read();
            if (!request || client->standing == Standing::busy) co_return;
            const sigv4::Request plain = signed_request(*request);
            const std::string key = sigv4::claimed_key(plain);
            const std::string name = name_of(key);
            if (!co_await take_turn(name, client)) co_return;
            SignedAnswer answered = co_await answer(plain, name);
            if (answered.signer)
                remember(key, *answered.signer);
            else
                log_refusal(*client, key, answered);
            // What comes after HEAD's answer would be read as its body.
            const bool is_head = request->method() == beast::http::verb::head;
            const bool keep_alive = request->keep_alive() && !is_head && !stopping_;
            client->standing = Standing::answered;
            woken_.cancel();  // it can make room now
            const bool written = co_await exchange.write(std::move(answered.response),
                                                         request->version(), keep_alive);
            if (!written || !keep_alive || client->standing == Standing::busy) co_return;
            client->standing = answered.signer ? Standing::known : Standing::stranger;
            clients_.splice(clients_.end(), clients_, client);
        }
    }

    /// All keys of an account wait in one line, once they have signed.
    std::string name_of(const std::string& key) const {
        const auto found = accounts_.find(key);
        return found == accounts_.end() ? key : found->second;
    }

    void remember(const std::string& key, const AccountId& account) {
        if (accounts_.size() >= keys_are_remembered) accounts_.clear();
        accounts_.insert_or_assign(key, account.str());
    }

    /// Whether the client may have its answer; it is busy then.
    asio::awaitable<bool> take_turn(const std::string& name, Clients::iterator client) {
        Turns::Waiter waiter(io_.get_executor());
        client->waiter = &waiter;
        const bool has_turn = co_await turns_.take(name, waiter);
        client->waiter = nullptr;
        if (!has_turn) co_return false;
        if (client->standing == Standing::busy) {  // closed to make room when its turn had come
            turns_.release(name);
            co_return false;
        }
        client->standing = Standing::busy;
        co_return true;
    }

    asio::awaitable<SignedAnswer> answer(const sigv4::Request& request, const std::string& name) {
        SignedAnswer answered = co_await handle(request, name);
        if (answered.response.noted) co_await until(*answered.response.noted, handler_threads_);
        co_return answered;
    }

    /// Whose turn ends with it.
    asio::awaitable<SignedAnswer> handle(const sigv4::Request& request, const std::string& name) {
        const Turns::Turn turn(turns_, name);
        co_return co_await on_pool(handler_threads_, [this, &request] { return answer_(request); });
    }

    EndpointOptions options_;
    Answer answer_;
    std::optional<asio::ssl::context> tls_;
    Clients clients_;  // outlive the coroutines that io_ holds
    Turns turns_;
    std::map<std::string, std::string> accounts_;  // of keys
    LogRate log_rate_;
    asio::io_context io_;
    asio::thread_pool handler_threads_;
    Tcp::acceptor acceptor_;
    asio::steady_timer woken_;
    asio::steady_timer stop_deadline_;
    std::uint16_t port_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

std::size_t threads_of_account(const ServerLimits& limits) {
    return std::max<std::size_t>(1, limits.handler_threads / 2);
}

Endpoint::Endpoint(EndpointOptions options, Answer answer)
    : implementation_(std::make_unique<Implementation>(std::move(options), std::move(answer))) {}

Endpoint::~Endpoint() = default;

void Endpoint::stop() {
    implementation_->request_stop();
}

std::uint16_t Endpoint::port() const {
    return implementation_->port();
}

}  // namespace kiln::api
