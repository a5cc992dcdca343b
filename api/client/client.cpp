#include "api/client/client.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

#include "api/server/dispatcher.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Socket = asio::local::stream_protocol::socket;
using Answer = http::response<http::string_body>;

constexpr std::uint64_t max_reply_bytes = 512ULL << 20U;
constexpr unsigned http_1_1 = 11;

Error no_service(const std::filesystem::path& path) {
    return {
        service_unavailable, path.string(),
        fmt::format("no kiln service answers at '{}': start one with 'kiln serve'", path.string())};
}

Error broken_connection(const std::filesystem::path& path, const beast::error_code& error) {
    return {error_code::internal_error, path.string(),
            fmt::format("the service at '{}' ended the connection: {}", path.string(),
                        error.message())};
}

void connect(Socket& socket, const std::filesystem::path& path) {
    beast::error_code error;
    socket.connect(asio::local::stream_protocol::endpoint(path.string()), error);
    if (!error) return;
    const bool missing = error == asio::error::connection_refused ||
                         error == boost::system::errc::no_such_file_or_directory;
    if (missing) throw no_service(path);
    throw Error(
        "UnauthorizedOperation", path.string(),
        fmt::format("cannot connect to the service at '{}': {}", path.string(), error.message()));
}

template <class Body>
http::request<Body> new_request(http::verb method, const std::string& target,
                                const ClientIdentity& identity) {
    http::request<Body> request(method, target, http_1_1);
    request.set(http::field::host, "localhost");
    request.set(http::field::user_agent, "kiln/" KILN_VERSION);
    if (!identity.region.empty()) request.set(region_header, identity.region);
    if (!identity.account.empty()) request.set(account_header, identity.account);
    return request;
}

/// The service may refuse a request before it has read all of it, so a failed write is no reason
/// not to read the answer.
template <class Body>
void write(Socket& socket, const http::request<Body>& request) {
    beast::error_code unread;
    http::write(socket, request, unread);
}

[[noreturn]] void throw_error(const Answer& answer) {
    pugi::xml_document document;
    document.load_buffer(answer.body().data(), answer.body().size());
    const pugi::xml_node error = document.first_element_by_path("Response/Errors/Error");
    const std::string code = error.child_value("Code");
    if (code.empty()) {
        throw Error(error_code::internal_error, "",
                    fmt::format("the service answered with HTTP status {}", answer.result_int()));
    }
    throw Error(code, "", error.child_value("Message"));
}

Answer answer_to(const http::request<http::string_body>& request,
                 const std::filesystem::path& path) {
    asio::io_context io;
    Socket socket(io);
    connect(socket, path);
    write(socket, request);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_reply_bytes);
    beast::error_code error;
    http::read(socket, buffer, parser, error);
    if (error) throw broken_connection(path, error);
    return parser.release();
}

}  // namespace

Reply::Reply(std::string text)
    : text_(std::make_unique<std::string>(std::move(text))),
      document_(std::make_unique<pugi::xml_document>()) {
    // Texts come back exactly as they were: blank ones and line ends too. They need no node of
    // their own.
    constexpr unsigned options =
        (pugi::parse_default | pugi::parse_ws_pcdata_single | pugi::parse_embed_pcdata) &
        ~pugi::parse_eol;
    const auto result =
        document_->load_buffer_inplace(text_->data(), text_->size(), options, pugi::encoding_utf8);
    if (!result) {
        throw Error(error_code::internal_error, "",
                    fmt::format("the service's answer is not XML: {}", result.description()));
    }
}

Reply Client::call(const std::string& action, const WirePairs& pairs) const {
    auto request = new_request<http::string_body>(http::verb::post, "/", identity_);
    request.set(http::field::content_type, "application/x-www-form-urlencoded");
    request.keep_alive(false);
    WirePairs all{{"Action", action}, {"Version", std::string(ec2_service.version)}};
    all.insert(all.end(), pairs.begin(), pairs.end());
    request.body() = encode_query(all);
    request.prepare_payload();
    Answer answer = answer_to(request, socket_);
    if (answer.result() != http::status::ok) throw_error(answer);
    return Reply(std::move(answer.body()));
}

std::uint64_t Client::send_piece(const std::string& upload_id, std::uint64_t offset,
                                 std::string piece) const {
    auto request = new_request<http::string_body>(
        http::verb::put, fmt::format("/uploads/{}?offset={}", upload_id, offset), identity_);
    request.set(http::field::content_type, "application/octet-stream");
    request.keep_alive(false);
    request.body() = std::move(piece);
    request.prepare_payload();
    Answer answer = answer_to(request, socket_);
    if (answer.result() != http::status::ok) throw_error(answer);
    return Reply(std::move(answer.body())).root().child("received").text().as_ullong();
}

std::string Client::download_export(const std::string& task, std::uint64_t offset,
                                    std::uint64_t size) const {
    auto request = new_request<http::string_body>(
        http::verb::get, fmt::format("/exports/{}?offset={}&size={}", task, offset, size),
        identity_);
    request.keep_alive(false);
    Answer answer = answer_to(request, socket_);
    if (answer.result() != http::status::ok) throw_error(answer);
    return std::move(answer.body());
}

ConsoleConnection Client::open_console(const std::string& instance_id) const {
    asio::io_context io;
    Socket socket(io);
    connect(socket, socket_);
    auto request =
        new_request<http::empty_body>(http::verb::get, "/console/" + instance_id, identity_);
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::upgrade, "kiln-console");
    write(socket, request);

    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    beast::error_code error;
    http::read_header(socket, buffer, parser, error);
    if (!error && parser.get().result() != http::status::switching_protocols) {
        http::read(socket, buffer, parser, error);
        if (!error) throw_error(parser.get());
    }
    if (error) throw broken_connection(socket_, error);
    socket.native_non_blocking(false);
    return {.socket = Fd(socket.release()), .received = beast::buffers_to_string(buffer.data())};
}

bool Client::answers() const {
    asio::io_context io;
    Socket socket(io);
    try {
        connect(socket, socket_);
        return true;
    } catch (const Error& error) {
        if (error.code() == service_unavailable) return false;
        throw;
    }
}

}  // namespace kiln::api
