#pragma once

#include "api/server/coroutine.hpp"  // before Asio

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <utility>

#include "api/server/dispatcher.hpp"
#include "api/server/server.hpp"

namespace kiln::api {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

/// What to answer to a request that could not be read; nullopt when no one waits for an answer.
std::optional<Error> refusal_of(boost::beast::error_code error);
HttpResponse http_response(Response response, unsigned http_version, bool keep_alive);

/// Reads requests of one client within limits, and writes answers. Of all kinds of streams; on the
/// thread that runs their io context.
template <class Stream>
class HttpExchange {
  public:
    HttpExchange(Stream& stream, const ServerLimits& limits) : stream_(stream), limits_(limits) {}

    /// The next request. nullopt: the connection is to end; what was wrong has been told.
    boost::asio::awaitable<std::optional<HttpRequest>> read();
    /// Whether it got there.
    boost::asio::awaitable<bool> write(Response response, unsigned http_version, bool keep_alive);
    /// What has been read beyond the last request.
    const boost::beast::flat_buffer& rest() const { return buffer_; }

  private:
    using ErrorCode = boost::beast::error_code;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    boost::asio::awaitable<ErrorCode> read_parts(Parser& parser);
    boost::asio::awaitable<void> drain();
    auto& layer() { return boost::beast::get_lowest_layer(stream_); }

    Stream& stream_;
    const ServerLimits& limits_;
    boost::beast::flat_buffer buffer_;
    bool is_first_ = true;
};

template <class Stream>
boost::asio::awaitable<std::optional<HttpRequest>> HttpExchange<Stream>::read() {
    Parser parser;
    parser.header_limit(limits_.max_header_bytes);
    parser.body_limit(limits_.max_body_bytes);
    const ErrorCode error = co_await read_parts(parser);
    if (!error) co_return parser.release();
    const auto refusal = refusal_of(error);
    constexpr unsigned http_1_1 = 11;
    if (refusal && co_await write(error_response(*refusal), http_1_1, false)) co_await drain();
    co_return std::nullopt;
}

template <class Stream>
boost::asio::awaitable<boost::beast::error_code> HttpExchange<Stream>::read_parts(Parser& parser) {
    namespace http = boost::beast::http;
    ErrorCode error;
    if (!std::exchange(is_first_, false)) {
        layer().expires_after(limits_.idle_time);
        co_await http::async_read_some(stream_, buffer_, parser, into(error));
    }
    if (!error && !parser.is_header_done()) {
        layer().expires_after(limits_.header_time);
        co_await http::async_read_header(stream_, buffer_, parser, into(error));
    }
    if (!error && parser.get()[http::field::expect] == "100-continue") {
        layer().expires_after(limits_.write_time);
        http::response<http::empty_body> go_on(http::status::continue_, 11);
        co_await http::async_write(stream_, go_on, into(error));
    }
    if (!error && !parser.is_done()) {
        layer().expires_after(limits_.body_time);
        co_await http::async_read(stream_, buffer_, parser, into(error));
    }
    co_return error;
}

template <class Stream>
boost::asio::awaitable<bool> HttpExchange<Stream>::write(Response response, unsigned http_version,
                                                         bool keep_alive) {
    const HttpResponse message = http_response(std::move(response), http_version, keep_alive);
    layer().expires_after(limits_.write_time);
    ErrorCode error;
    co_await boost::beast::http::async_write(stream_, message, into(error));
    co_return !error;
}

/// A refused request is read to its end, so that the client sees the refusal.
template <class Stream>
boost::asio::awaitable<void> HttpExchange<Stream>::drain() {
    constexpr std::size_t max_drained_bytes = 16U << 20U;
    constexpr std::size_t piece = 64U << 10U;
    constexpr std::chrono::seconds drain_time{2};
    ErrorCode error;
    layer().socket().shutdown(boost::asio::socket_base::shutdown_send, error);
    layer().expires_after(drain_time);
    std::size_t drained = buffer_.size();
    while (!error && drained < max_drained_bytes) {
        buffer_.clear();
        drained += co_await layer().async_read_some(buffer_.prepare(piece), into(error));
    }
}

}  // namespace kiln::api
