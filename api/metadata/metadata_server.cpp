#include "api/metadata/metadata_server.hpp"

#include "api/server/coroutine.hpp"  // before Asio

#include <net/if.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/unicast.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "api/metadata/metadata_socket.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace kiln::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Tcp = asio::ip::tcp;
using HttpRequest = http::request<http::string_body>;
using HttpResponse = http::response<http::string_body>;

constexpr const char* token_header = "X-aws-ec2-metadata-token";
constexpr const char* time_to_live_header = "X-aws-ec2-metadata-token-ttl-seconds";
constexpr const char* forwarded_header = "X-Forwarded-For";
/// What Linux gives packets by itself.
constexpr int usual_hop_limit = 64;
constexpr std::uint64_t max_body_bytes = 1024;  // none of the requests has one
constexpr std::chrono::milliseconds pause_after_failed_accept{100};

std::optional<std::string> header(const HttpRequest& request, const char* name) {
    const auto found = request.find(name);
    if (found == request.end()) return std::nullopt;
    return std::string(found->value());
}

launcher::MetadataRequest request_of(const HttpRequest& request) {
    return {.method = std::string(request.method_string()),
            .target = std::string(request.target()),
            .token = header(request, token_header),
            .time_to_live = header(request, time_to_live_header),
            .was_forwarded = request.find(forwarded_header) != request.end()};
}

HttpResponse response_of(launcher::MetadataResponse response, const HttpRequest& request) {
    HttpResponse answer;
    answer.version(request.version());
    answer.result(static_cast<unsigned>(response.status));
    answer.set(http::field::server, "EC2ws");
    answer.set(http::field::content_type, response.content_type);
    if (response.time_to_live_s)
        answer.set(time_to_live_header, std::to_string(*response.time_to_live_s));
    if (response.status == 405) answer.set(http::field::allow, "GET, HEAD, PUT");
    answer.keep_alive(request.keep_alive());
    answer.body() = std::move(response.body);
    answer.prepare_payload();
    return answer;
}

struct Listener {
    std::string region;
    unsigned bridge_index = 0;  // 0: not on a bridge
    Tcp::acceptor acceptor;
};

}  // namespace

class MetadataServer::Implementation {
  public:
    Implementation(Answer answer, MetadataLimits limits)
        : answer_(std::move(answer)),
          limits_(limits),
          work_(asio::make_work_guard(io_)),
          thread_([this] { run(); }) {}
    ~Implementation() {
        io_.stop();
        thread_.join();
    }
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    void serve_bridge(const std::string& region, const std::string& bridge) {
        const std::lock_guard lock(mutex_);
        const unsigned index = ::if_nametoindex(bridge.c_str());
        const auto known = bridges_.find(region);
        if (index == 0 || (known != bridges_.end() && known->second == index)) return;
        listen(region, listen_for_metadata(bridge), index);
        bridges_.insert_or_assign(region, index);
        log::info("guests of {} find their metadata on {}", region, bridge);
    }

    void serve_socket(const std::string& region, Fd socket) {
        listen(region, std::move(socket), 0);
    }

  private:
    void run() {
        while (!io_.stopped()) {
            try {
                io_.run();
            } catch (const std::exception& error) {
                log::error("the metadata service goes on after: {}", error.what());
            }
        }
    }

    /// The listener that the region had before is closed: its bridge is gone.
    void listen(const std::string& region, Fd socket, unsigned index) {
        auto listener = std::make_shared<Listener>(
            Listener{.region = region, .bridge_index = index, .acceptor = Tcp::acceptor(io_)});
        listener->acceptor.assign(Tcp::v4(), socket.get());
        socket.release();
        asio::post(io_, [this, listener] {
            auto& place = listeners_[listener->region];
            if (place) {
                boost::system::error_code ignored;
                place->acceptor.close(ignored);
            }
            place = listener;
            asio::co_spawn(io_, accept_all(listener), asio::detached);
        });
    }

    asio::awaitable<void> accept_all(std::shared_ptr<Listener> listener) {
        asio::steady_timer pause(io_);
        while (listener->acceptor.is_open()) {
            boost::system::error_code error;
            Tcp::socket socket(io_);
            if (connection_count_ < limits_.max_connections) {
                co_await listener->acceptor.async_accept(socket, into(error));
                if (error == asio::error::operation_aborted) co_return;
                if (!error) {
                    asio::co_spawn(io_, serve(listener, std::move(socket)), asio::detached);
                    continue;
                }
                log::warn("cannot accept a guest's connection: {}", error.message());
            }
            pause.expires_after(pause_after_failed_accept);
            co_await pause.async_wait(into(error));
        }
    }

    asio::awaitable<void> serve(std::shared_ptr<Listener> listener, Tcp::socket socket) {
        boost::system::error_code error;
        const auto endpoint = socket.remote_endpoint(error);
        if (error) co_return;
        const Ipv4Address peer{.bits = endpoint.address().to_v4().to_uint()};
        const auto guest = std::pair(listener->region, peer);
        ++connection_count_;
        if (++connections_of_[guest] <= limits_.max_connections_of_guest) {
            try {
                co_await serve_guest(guest, beast::tcp_stream(std::move(socket)));
            } catch (const std::exception& failure) {
                log::error("cannot answer {}: {}", to_text(peer), failure.what());
            }
        }
        if (--connections_of_[guest] == 0) connections_of_.erase(guest);
        --connection_count_;
    }

    asio::awaitable<void> serve_guest(std::pair<std::string, Ipv4Address> guest,
                                      beast::tcp_stream stream) {
        beast::flat_buffer buffer;
        bool more = true;
        while (more) {
            http::request_parser<http::string_body> parser;
            parser.header_limit(limits_.max_header_bytes);
            parser.body_limit(max_body_bytes);
            stream.expires_after(limits_.idle_time);
            boost::system::error_code error;
            co_await http::async_read(stream, buffer, parser, into(error));
            if (error == http::error::end_of_stream || error == beast::error::timeout) break;
            if (error) {
                co_await refuse(stream);
                break;
            }
            const HttpRequest request = parser.release();
            auto response = answer(guest, request);
            set_hop_limit(stream, response.hop_limit.value_or(usual_hop_limit));
            more = co_await write(stream, response_of(std::move(response), request),
                                  request.method() == http::verb::head);
        }
        boost::system::error_code ignored;
        stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    }

    launcher::MetadataResponse answer(const std::pair<std::string, Ipv4Address>& guest,
                                      const HttpRequest& request) const {
        try {
            return answer_(guest.first, guest.second, request_of(request));
        } catch (const std::exception& error) {
            log::error("cannot answer {}: {}", to_text(guest.second), error.what());
            return {.status = 500, .body = "Internal Server Error"};
        }
    }

    asio::awaitable<void> refuse(beast::tcp_stream& stream) {
        HttpResponse answer;
        answer.result(http::status::bad_request);
        answer.set(http::field::server, "EC2ws");
        answer.keep_alive(false);
        answer.prepare_payload();
        co_await write(stream, std::move(answer), false);
    }

    /// Whether the connection may go on.
    asio::awaitable<bool> write(beast::tcp_stream& stream, HttpResponse answer, bool head_alone) {
        stream.expires_after(limits_.exchange_time);
        const bool keep_alive = answer.keep_alive();
        boost::system::error_code error;
        http::response_serializer<http::string_body> serializer(answer);
        if (head_alone) {
            co_await http::async_write_header(stream, serializer, into(error));
        } else {
            co_await http::async_write(stream, serializer, into(error));
        }
        co_return !error && keep_alive;
    }

    static void set_hop_limit(beast::tcp_stream& stream, int hops) {
        boost::system::error_code ignored;
        stream.socket().set_option(asio::ip::unicast::hops(hops), ignored);
    }

    Answer answer_;
    MetadataLimits limits_;
    std::mutex mutex_;
    std::map<std::string, unsigned> bridges_;  // the index of each region's bridge
    // Of the thread alone; they outlive the coroutines that io_ holds.
    std::size_t connection_count_ = 0;
    std::map<std::pair<std::string, Ipv4Address>, std::size_t> connections_of_;
    asio::io_context io_{1};
    std::map<std::string, std::shared_ptr<Listener>> listeners_;  // of io_: gone before it
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;
};

MetadataServer::MetadataServer(Answer answer, MetadataLimits limits)
    : implementation_(std::make_unique<Implementation>(std::move(answer), limits)) {}

MetadataServer::~MetadataServer() = default;

void MetadataServer::serve_bridge(const std::string& region, const std::string& bridge) {
    implementation_->serve_bridge(region, bridge);
}

void MetadataServer::serve_socket(const std::string& region, Fd socket) {
    implementation_->serve_socket(region, std::move(socket));
}

}  // namespace kiln::api
