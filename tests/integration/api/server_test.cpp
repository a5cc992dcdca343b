#include "api/server/server.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <barrier>
#include <fstream>
#include <future>
#include <latch>

#include "api/client/client.hpp"
#include "api/server/listener.hpp"
#include "tests/integration/api/test_server.hpp"

namespace kiln::api {

namespace {

using testing::HasSubstr;
using testing::StartsWith;
using tests::echo_request;
using tests::RawClient;
using tests::TestServer;
using namespace std::chrono_literals;

TEST(Server, answers_the_client) {
    const TestServer server;
    const Reply reply = Client(server.socket()).call("Echo", {{"Text", "a b ü\n c"}});
    EXPECT_STREQ(reply.root().child_value("text"), "a b ü\n c");
}

TEST(Server, knows_the_peers_uid) {
    const TestServer server;
    const Reply reply = Client(server.socket()).call("Echo", {});
    EXPECT_EQ(reply.root().child_value("region"), "uid-" + std::to_string(::getuid()));
}

TEST(Server, gives_errors_to_the_client_with_their_code_and_message) {
    const TestServer server({}, [](auto&&...) { throw Error("InvalidThing", "t-1", "no <t-1>"); });
    try {
        Client(server.socket()).call("Echo", {});
        FAIL() << "succeeded";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "InvalidThing");
        EXPECT_EQ(error.message(), "no <t-1>");
    }
}

TEST(Server, keeps_a_connection_open_for_the_next_request) {
    const TestServer server;
    RawClient client(server.socket());
    client.send(echo_request("first"));
    EXPECT_THAT(client.receive_until("</EchoResponse>"), HasSubstr("<text>first</text>"));
    client.forget_received();
    client.send(echo_request("second", false));
    EXPECT_THAT(client.receive_all(), HasSubstr("<text>second</text>"));
}

TEST(Server, answers_requests_that_were_sent_together_in_their_order) {
    const TestServer server;
    RawClient client(server.socket());
    client.send(echo_request("first") + echo_request("second", false));
    const std::string answers = client.receive_all();
    EXPECT_LT(answers.find("first"), answers.find("second"));
    EXPECT_NE(answers.find("second"), std::string::npos);
}

TEST(Server, refuses_a_body_that_is_too_large_and_says_so) {
    const TestServer server({.max_body_bytes = 1000});
    try {
        Client(server.socket()).call("Echo", {{"Text", std::string(4'000'000, 'x')}});
        FAIL() << "succeeded";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "RequestEntityTooLarge");
    }
}

TEST(Server, refuses_a_chunked_body_that_grows_too_large) {
    const TestServer server({.max_body_bytes = 1000});
    RawClient client(server.socket());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("800\r\n" + std::string(0x800, 'x') + "\r\n");
    EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 413"));
}

TEST(Server, refuses_a_header_that_is_too_large) {
    const TestServer server({.max_header_bytes = 1000});
    RawClient client(server.socket());
    client.send("GET / HTTP/1.1\r\n");
    for (int i = 0; i < 100; ++i)
        client.send("X-Header-" + std::to_string(i) + ": aaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 431"));
}

TEST(Server, refuses_what_is_not_http) {
    const TestServer server;
    RawClient client(server.socket());
    client.send("\x16\x03\x01 hello\r\n\r\n");
    EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 400"));
}

TEST(Server, cuts_a_client_that_sends_its_header_slowly) {
    const TestServer server({.header_time = 50ms});
    RawClient client(server.socket());
    client.send("GET / HTTP/1.1\r\nHost:");
    EXPECT_EQ(client.receive_all(), "");
}

TEST(Server, cuts_a_client_that_sends_its_body_slowly) {
    const TestServer server({.body_time = 50ms});
    RawClient client(server.socket());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nA");
    EXPECT_EQ(client.receive_all(), "");
}

TEST(Server, closes_a_connection_that_stays_idle) {
    const TestServer server({.idle_time = 50ms});
    RawClient client(server.socket());
    client.send(echo_request("x"));
    client.receive_until("</EchoResponse>");
    client.forget_received();
    EXPECT_EQ(client.receive_all(), "");
}

TEST(Server, asks_for_the_body_of_a_client_that_waits_to_be_asked) {
    const TestServer server;
    RawClient client(server.socket());
    client.send(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\nExpect: 100-continue\r\n"
        "Connection: close\r\n\r\n");
    EXPECT_THAT(client.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
    client.send("Action=Echo&Text=y");
    EXPECT_THAT(client.receive_all(), HasSubstr("<text>y</text>"));
}

TEST(Server, handles_requests_side_by_side) {
    constexpr int clients = 4;
    std::barrier all_are_there(clients);
    const TestServer server({.handler_threads = clients}, [&](auto&&...) {
        all_are_there.arrive_and_wait();  // hangs unless four handlers run at once
    });
    std::vector<std::future<void>> calls;
    for (int i = 0; i < clients; ++i) {
        calls.push_back(
            std::async(std::launch::async, [&] { Client(server.socket()).call("Echo", {}); }));
    }
    for (auto& call : calls)
        EXPECT_NO_THROW(call.get());
}

TEST(Server, connections_past_the_limit_wait_until_one_ends) {
    const TestServer server({.max_connections = 2});
    auto first = std::make_unique<RawClient>(server.socket());
    RawClient second(server.socket());
    for (RawClient* client : {first.get(), &second}) {
        client->send(echo_request("x"));
        client->receive_until("</EchoResponse>");
    }
    RawClient third(server.socket());
    third.send(echo_request("third", false));
    EXPECT_FALSE(third.has_answer_within(100));

    first.reset();

    EXPECT_THAT(third.receive_all(), HasSubstr("<text>third</text>"));
}

TEST(Server, one_user_cannot_take_all_connections) {
    const TestServer server({.max_connections = 4, .max_connections_of_user = 2});
    RawClient first(server.socket());
    RawClient second(server.socket());
    for (RawClient* client : {&first, &second}) {
        client->send(echo_request("x"));
        client->receive_until("</EchoResponse>");
    }
    RawClient third(server.socket());
    EXPECT_EQ(third.receive_all(), "") << "it is closed";
}

TEST(Server, three_hundred_clients_at_once_are_all_answered) {
    const TestServer server;
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 300; ++i) {
        clients.push_back(std::make_unique<RawClient>(server.socket()));
        clients.back()->send(echo_request("c" + std::to_string(i), false));
    }
    for (int i = 0; i < 300; ++i) {
        EXPECT_THAT(clients[static_cast<std::size_t>(i)]->receive_all(),
                    HasSubstr("<text>c" + std::to_string(i) + "</text>"));
    }
}

TEST(Server, a_client_that_goes_away_harms_no_one) {
    std::latch called(1);
    std::latch gone(1);
    const TestServer server(
        {}, [&](const images::Caller& caller, const Arguments& arguments, XmlWriter& response) {
            if (arguments.text("Text") == "gone") {
                called.count_down();
                gone.wait();
            }
            TestServer::echo(caller, arguments, response);
        });
    {
        RawClient client(server.socket());
        client.send(echo_request("gone"));
        called.wait();
    }
    gone.count_down();
    EXPECT_NO_THROW(Client(server.socket()).call("Echo", {{"Text", "next"}}));
}

TEST(Server, a_stop_lets_a_request_end_and_closes_idle_connections) {
    std::latch called(1);
    std::latch stopping(1);
    TestServer server(
        {}, [&](const images::Caller& caller, const Arguments& arguments, XmlWriter& response) {
            called.count_down();
            stopping.wait();
            TestServer::echo(caller, arguments, response);
        });
    RawClient idle(server.socket());
    RawClient busy(server.socket());
    busy.send(echo_request("busy"));
    called.wait();

    server.server().stop();
    EXPECT_EQ(idle.receive_all(), "");
    stopping.count_down();

    EXPECT_THAT(busy.receive_all(), HasSubstr("<text>busy</text>"));
    server.wait_for_end();
}

TEST(Server, a_stop_is_told_to_requests_that_take_long) {
    std::latch called(1);
    std::latch stopping(1);
    TestServer server(
        {},
        [&](const images::Caller& caller, const Arguments& arguments, XmlWriter& response) {
            called.count_down();
            stopping.wait();
            TestServer::echo(caller, arguments, response);
        },
        nullptr, [&] { stopping.count_down(); });
    RawClient busy(server.socket());
    busy.send(echo_request("busy"));
    called.wait();

    server.server().stop();
    server.server().stop();

    EXPECT_THAT(busy.receive_all(), HasSubstr("<text>busy</text>"));
    server.wait_for_end();
}

TEST(Server, a_stop_gives_up_on_a_client_that_does_not_read_in_time) {
    TestServer server({.stop_time = 50ms},
                      [](const images::Caller&, const Arguments&, XmlWriter& response) {
                          response.text("text", std::string(8'000'000, 'x'));
                      });
    RawClient deaf(server.socket());
    deaf.send(echo_request("x"));
    EXPECT_TRUE(deaf.has_answer_within(tests::patience_ms));

    server.server().stop();

    server.wait_for_end();
}

TEST(ServerSocket, goes_with_the_server_and_leaves_nothing) {
    std::filesystem::path socket;
    {
        const TestServer server;
        socket = server.socket();
        struct stat status {};
        ASSERT_EQ(::stat(socket.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0600U);
    }
    EXPECT_FALSE(std::filesystem::exists(socket));
}

ServerHandlers no_handlers(const Dispatcher& dispatcher) {
    return {.dispatcher = dispatcher, .caller_of = nullptr, .open_console = nullptr};
}

class ServerSocketPlace : public testing::Test {
  protected:
    std::string refusal() {
        try {
            const Server server({.socket = path_}, no_handlers(dispatcher_));
            return "";
        } catch (const Error& error) {
            return error.code() + ": " + error.message();
        }
    }

    kiln::tests::TemporaryDirectory directory_;
    std::filesystem::path path_ = directory_.path() / "kiln.sock";
    std::vector<Action> table_;
    Dispatcher dispatcher_{table_, [](auto&&...) {}};
};

TEST_F(ServerSocketPlace, is_refused_while_another_service_answers_there) {
    const Server first({.socket = path_}, no_handlers(dispatcher_));
    EXPECT_EQ(refusal(), "AddressInUse: another kiln service answers at '" + path_.string() + "'");
    EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ServerSocketPlace, is_taken_over_from_a_service_that_died) {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path_.string(), static_cast<char*>(address.sun_path));
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);

    EXPECT_EQ(refusal(), "");
}

TEST_F(ServerSocketPlace, is_refused_when_a_file_is_in_the_way) {
    std::ofstream(path_) << "precious";
    EXPECT_THAT(refusal(), HasSubstr("is in the way and is not a socket"));
    EXPECT_TRUE(std::filesystem::exists(path_));
}

/// What the child process of the next test says by its exit status.
int serve_on_passed_socket(const std::filesystem::path& path, int passed) {
    constexpr int first_passed_descriptor = 3;
    ::dup2(passed, first_passed_descriptor);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    Listener listener(path, {});
    const bool variables_are_gone = std::getenv("LISTEN_FDS") == nullptr;
    const bool taken = listener.release_socket() == first_passed_descriptor;
    return variables_are_gone && taken ? 0 : 1;
}

TEST_F(ServerSocketPlace, may_be_passed_by_systemd_whose_file_stays) {
    const Fd passed(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string own_path = (directory_.path() / "passed.sock").string();
    std::ranges::copy(own_path, static_cast<char*>(address.sun_path));
    ASSERT_EQ(::bind(passed.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(passed.get(), 1), 0);

    const pid_t child = ::fork();
    if (child == 0) ::_exit(serve_on_passed_socket(own_path, passed.get()));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    EXPECT_EQ(status, 0);
    EXPECT_TRUE(std::filesystem::exists(own_path));
}

TEST(Client, says_when_no_service_answers) {
    const kiln::tests::TemporaryDirectory directory;
    const Client client(directory.path() / "none.sock");
    EXPECT_FALSE(client.answers());
    try {
        client.call("Echo", {});
        FAIL() << "succeeded";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), service_unavailable);
    }
}

}  // namespace

}  // namespace kiln::api
