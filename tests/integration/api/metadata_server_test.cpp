#include "api/metadata/metadata_server.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "base/error.hpp"

namespace kiln::api::tests {

namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint32_t loopback = 0x7f000001;

sockaddr_in loopback_at(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(loopback);
    return address;
}

/// A server whose answers say what it was asked.
class MetadataServerTest : public ::testing::Test {
  protected:
    MetadataServerTest() {
        Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_in address = loopback_at(0);
        socklen_t size = sizeof address;
        if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(listener.get(), 16) != 0 ||
            ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw system_error("listen");
        }
        port_ = ntohs(address.sin_port);
        server_.serve_socket("local-1", std::move(listener));
    }

    Fd connect() const {
        Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in address = loopback_at(port_);
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0) {
            throw system_error("connect");
        }
        return socket;
    }
    static void send(const Fd& socket, const std::string& text) {
        ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    /// Until the other end closes.
    static std::string receive_all(const Fd& socket) {
        std::string text;
        std::array<char, 4096> buffer{};
        for (;;) {
            const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
            if (count <= 0) return text;
            text.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }
    std::string exchange(const std::string& text) const {
        const Fd socket = connect();
        send(socket, text);
        return receive_all(socket);
    }

    MetadataServer server_{
        [](const std::string& region, Ipv4Address peer, const launcher::MetadataRequest& request) {
            if (request.target == "/throw") throw Error("InternalError", "", "no catalog");
            return launcher::MetadataResponse{
                .status = request.was_forwarded ? 403 : 200,
                .body = region + " " + to_text(peer) + " " + request.method + " " + request.target +
                        " " + request.token.value_or("-") + " " +
                        request.time_to_live.value_or("-"),
                .time_to_live_s = request.method == "PUT" ? std::optional(60) : std::nullopt};
        },
        {.max_connections_of_guest = 4, .idle_time = std::chrono::milliseconds(300)}};
    std::uint16_t port_ = 0;
};

TEST_F(MetadataServerTest, tells_who_asks_from_where_and_what) {
    EXPECT_THAT(exchange("GET /latest/meta-data/ HTTP/1.0\r\nHost: other\r\n"
                         "x-aws-ec2-METADATA-token: abc\r\n\r\n"),
                testing::EndsWith("local-1 127.0.0.1 GET /latest/meta-data/ abc -"));
    const std::string token = exchange(
        "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(token, testing::EndsWith("PUT /latest/api/token - 60"));
    EXPECT_THAT(token, HasSubstr("X-aws-ec2-metadata-token-ttl-seconds: 60\r\n"));
    EXPECT_THAT(exchange("GET / HTTP/1.0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"),
                StartsWith("HTTP/1.0 403 "));
}

TEST_F(MetadataServerTest, answers_one_request_after_the_other_on_a_connection) {
    const std::string both = exchange(
        "GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(both, HasSubstr("GET /first"));
    EXPECT_THAT(both, HasSubstr("GET /second"));
}

TEST_F(MetadataServerTest, the_answer_to_a_head_has_no_body) {
    const std::string answer = exchange("HEAD / HTTP/1.0\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.0 200 OK\r\n"));
    EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: "));
}

TEST_F(MetadataServerTest, what_is_no_http_is_a_bad_request_and_the_next_is_served) {
    const std::string long_header(20'000, 'a');
    for (const std::string& bad :
         {std::string("nonsense\r\n\r\n"), "GET / HTTP/1.1\r\nA: " + long_header + "\r\n\r\n",
          "GET /" + long_header + " HTTP/1.1\r\n\r\n",
          std::string("PUT / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nx")}) {
        EXPECT_THAT(exchange(bad), StartsWith("HTTP/1.1 400 ")) << bad.substr(0, 40);
    }
    EXPECT_THAT(exchange("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 "));
}

TEST_F(MetadataServerTest, an_answer_that_fails_ends_its_connection_alone) {
    EXPECT_THAT(exchange("GET /throw HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 500 "));
    EXPECT_THAT(exchange("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 "));
}

TEST_F(MetadataServerTest, one_guest_has_so_many_connections_and_those_that_say_nothing_end) {
    std::vector<Fd> silent;
    for (int i = 0; i < 4; ++i) {
        silent.push_back(connect());
        send(silent.back(), "GET");
    }
    EXPECT_EQ(exchange("GET / HTTP/1.0\r\n\r\n"), "") << "the fifth";
    for (const Fd& socket : silent)
        receive_all(socket);
    EXPECT_THAT(exchange("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 "));
}

}  // namespace

}  // namespace kiln::api::tests
