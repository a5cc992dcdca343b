#include "api/server/endpoint.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <latch>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/process.hpp"
#include "tests/integration/api/test_server.hpp"

namespace kiln::api::tests {

namespace {

using testing::HasSubstr;
using testing::StartsWith;

Fd connected(std::uint16_t port) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw system_error("connect");
    return socket;
}

std::string request(const std::string& text, bool keep_alive = true) {
    return "GET /?Text=" + text + " HTTP/1.1\r\nHost: x\r\n" +
           (keep_alive ? "" : "Connection: close\r\n") + "\r\n";
}

/// Answers with the request's query; "signed" in it says by whom.
SignedAnswer echo(const sigv4::Request& request) {
    return {.response = {.status = 200, .body = "<q>" + request.query + "</q>"},
            .signer = request.query.find("signed") != std::string::npos
                          ? std::optional(AccountId("111122223333"))
                          : std::nullopt};
}

TEST(Endpoint, answers_one_request_after_the_other) {
    const Endpoint endpoint({}, echo);
    RawClient client(connected(endpoint.port()));
    client.send(request("first"));
    EXPECT_THAT(client.receive_until("</q>"), HasSubstr("<q>Text=first</q>"));
    client.send(request("second", false));
    EXPECT_THAT(client.receive_all(), HasSubstr("<q>Text=second</q>"));
}

TEST(Endpoint, a_second_one_at_the_same_port_is_refused) {
    const Endpoint endpoint({}, echo);
    try {
        const Endpoint other({.port = endpoint.port()}, echo);
        FAIL() << "listens";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "AddressInUse");
    }
    EXPECT_THROW(Endpoint({.address = "localhost"}, echo), Error);
}

TEST(Endpoint, requests_that_are_too_large_are_refused) {
    const Endpoint endpoint({.limits = {.max_header_bytes = 1024, .max_body_bytes = 1024}}, echo);
    RawClient header(connected(endpoint.port()));
    header.send("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
    EXPECT_THAT(header.receive_all(), StartsWith("HTTP/1.1 431"));
    RawClient body(connected(endpoint.port()));
    body.send("POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'));
    EXPECT_THAT(body.receive_all(), StartsWith("HTTP/1.1 413"));
}

TEST(Endpoint, who_sends_no_whole_request_is_closed_in_time) {
    const Endpoint endpoint({.limits = {.header_time = std::chrono::milliseconds(50)}}, echo);
    RawClient client(connected(endpoint.port()));
    client.send("GET / HT");
    EXPECT_EQ(client.receive_all(), "");
}

TEST(Endpoint, clients_that_never_finish_a_request_keep_no_others_out) {
    constexpr std::size_t most = 8;
    const Endpoint endpoint({.limits = {.max_connections = most}}, echo);
    RawClient known(connected(endpoint.port()));
    known.send(request("signed"));
    known.receive_until("</q>");
    known.forget_received();
    std::vector<std::unique_ptr<RawClient>> slow;
    for (std::size_t i = 0; i < 5 * most; ++i) {
        slow.push_back(std::make_unique<RawClient>(connected(endpoint.port())));
        slow.back()->send("GET / HT");
    }
    RawClient late(connected(endpoint.port()));
    late.send(request("late", false));
    EXPECT_THAT(late.receive_all(), HasSubstr("<q>Text=late</q>"));
    known.send(request("signed-again", false));
    EXPECT_THAT(known.receive_all(), HasSubstr("<q>Text=signed-again</q>"))
        << "strangers go before those who were let in";
}

TEST(Endpoint, those_who_do_not_take_their_answer_give_their_place) {
    constexpr std::size_t most = 2;
    const std::string long_answer(32U << 20U, 'x');
    std::latch asked(most);
    const Endpoint endpoint(
        {.limits = {.max_connections = most}}, [&](const sigv4::Request& request) {
            if (request.query != "Text=long") return echo(request);
            asked.count_down();
            return SignedAnswer{.response = {.status = 200, .body = long_answer},
                                .signer = AccountId("111122223333")};
        });
    std::vector<std::unique_ptr<RawClient>> slow;
    for (std::size_t i = 0; i < most; ++i) {
        slow.push_back(std::make_unique<RawClient>(connected(endpoint.port())));
        slow.back()->send(request("long"));
    }
    asked.wait();
    RawClient late(connected(endpoint.port()));
    late.send(request("late", false));
    EXPECT_THAT(late.receive_all(), HasSubstr("<q>Text=late</q>"));
}

TEST(Endpoint, those_who_only_keep_their_connections_keep_nobody_out) {
    constexpr std::size_t most = 4;
    const Endpoint endpoint({.limits = {.max_connections = most}}, echo);
    std::vector<std::unique_ptr<RawClient>> idle;
    for (std::size_t i = 0; i < most; ++i) {
        idle.push_back(std::make_unique<RawClient>(connected(endpoint.port())));
        idle.back()->send(request("signed"));
        idle.back()->receive_until("</q>");
        idle.back()->forget_received();
    }
    RawClient first(connected(endpoint.port()));
    EXPECT_EQ(idle[0]->receive_all(), "") << "it has waited longest";
    RawClient second(connected(endpoint.port()));
    EXPECT_EQ(idle[1]->receive_all(), "");
    for (RawClient* client : {&first, &second}) {
        client->send(request("signed", false));
        EXPECT_THAT(client->receive_all(), HasSubstr("<q>Text=signed</q>"));
    }
}

TEST(Endpoint, keys_of_one_account_wait_in_one_line) {
    std::latch go_on(1);
    const Endpoint endpoint({.limits = {.handler_threads = 2}}, [&](const sigv4::Request& request) {
        if (request.query.find("greedy") != std::string::npos) go_on.wait();
        return SignedAnswer{.response = {.status = 200, .body = "<q>" + request.query + "</q>"},
                            .signer = AccountId(request.query.find("modest") == std::string::npos
                                                    ? "111122223333"
                                                    : "444455556666")};
    });
    const auto ask = [&](const std::string& text, const std::string& key) {
        auto client = std::make_unique<RawClient>(connected(endpoint.port()));
        client->send("GET /?Text=" + text + "&X-Amz-Credential=" + key +
                     "%2F20260831 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        return client;
    };
    for (const char* key : {"AKIA1", "AKIA2"})
        ask("known", key)->receive_until("</q>");
    const auto first = ask("greedy", "AKIA1");
    const auto second = ask("greedy", "AKIA2");
    EXPECT_THAT(ask("modest", "AKIA3")->receive_all(), HasSubstr("<q>Text=modest"));
    go_on.count_down();
    EXPECT_THAT(first->receive_all(), HasSubstr("<q>Text=greedy"));
    EXPECT_THAT(second->receive_all(), HasSubstr("<q>Text=greedy"));
}

TEST(Endpoint, one_key_leaves_threads_to_the_others) {
    constexpr int requests = 4;
    std::latch go_on(1);
    const Endpoint endpoint({.limits = {.handler_threads = 2}}, [&](const sigv4::Request& request) {
        if (request.query.find("greedy") != std::string::npos) go_on.wait();
        return echo(request);
    });
    const auto request_of = [](const std::string& key) {
        return "GET /?Text=" + key + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
               "Authorization: AWS4-HMAC-SHA256 Credential=" + key + "/20260831/r/ec2\r\n\r\n";
    };
    std::vector<std::unique_ptr<RawClient>> greedy;
    for (int i = 0; i < requests; ++i) {
        greedy.push_back(std::make_unique<RawClient>(connected(endpoint.port())));
        greedy.back()->send(request_of("greedy"));
    }
    for (int i = 0; i < requests; ++i) {
        RawClient modest(connected(endpoint.port()));
        modest.send(request_of("modest"));
        EXPECT_THAT(modest.receive_all(), HasSubstr("<q>Text=modest</q>"));
    }
    go_on.count_down();
    for (const auto& client : greedy)
        EXPECT_THAT(client->receive_all(), HasSubstr("<q>Text=greedy</q>"));
}

TEST(Endpoint, an_answer_waits_until_it_is_noted_and_holds_no_thread) {
    constexpr int requests = 4;
    const Completion noted;
    std::latch handled(requests);
    const Endpoint endpoint({.limits = {.handler_threads = 2}}, [&](const sigv4::Request& request) {
        SignedAnswer answer = echo(request);
        if (request.query != "Text=noted") return answer;
        answer.response.noted = noted;
        handled.count_down();
        return answer;
    });
    std::vector<std::unique_ptr<RawClient>> waiting;
    for (int i = 0; i < requests; ++i) {
        waiting.push_back(std::make_unique<RawClient>(connected(endpoint.port())));
        waiting.back()->send(request("noted", false));
    }
    handled.wait();
    RawClient other(connected(endpoint.port()));
    other.send(request("other", false));
    EXPECT_THAT(other.receive_all(), HasSubstr("<q>Text=other</q>"));
    for (const auto& client : waiting)
        EXPECT_FALSE(client->has_answer_within(0));
    noted.end();
    for (const auto& client : waiting)
        EXPECT_THAT(client->receive_all(), HasSubstr("<q>Text=noted</q>"));
}

TEST(Endpoint, a_stop_waits_for_answers_that_are_not_noted_yet) {
    const Completion noted;
    std::latch handled(1);
    Endpoint endpoint({}, [&](const sigv4::Request& request) {
        SignedAnswer answer = echo(request);
        answer.response.noted = noted;
        handled.count_down();
        return answer;
    });
    RawClient client(connected(endpoint.port()));
    client.send(request("last", false));
    handled.wait();
    endpoint.stop();
    noted.end();
    EXPECT_THAT(client.receive_all(), HasSubstr("<q>Text=last</q>"));
}

TEST(Endpoint, a_waiting_request_is_let_go_when_its_place_is_wanted) {
    constexpr std::size_t most = 3;
    std::latch asked(1);
    std::latch go_on(1);
    const Endpoint endpoint({.limits = {.max_connections = most, .handler_threads = 2}},
                            [&](const sigv4::Request& request) {
                                if (request.query == "Text=first") {
                                    asked.count_down();
                                    go_on.wait();
                                }
                                return echo(request);
                            });
    RawClient first(connected(endpoint.port()));
    first.send(request("first", false));
    asked.wait();
    std::vector<std::unique_ptr<RawClient>> waiting;
    for (std::size_t i = 0; i < 2 * most; ++i) {
        waiting.push_back(std::make_unique<RawClient>(connected(endpoint.port())));
        waiting.back()->send(request("waiting", false));
    }
    EXPECT_EQ(waiting.front()->receive_all(), "") << "closed for one that came later";
    go_on.count_down();
    EXPECT_THAT(first.receive_all(), HasSubstr("<q>Text=first</q>"));
    EXPECT_THAT(waiting.back()->receive_all(), HasSubstr("<q>Text=waiting</q>"));
}

TEST(Endpoint, takes_no_more_requests_when_it_stops) {
    Endpoint endpoint({}, echo);
    RawClient idle(connected(endpoint.port()));
    idle.send(request("signed"));
    idle.receive_until("</q>");
    idle.forget_received();
    endpoint.stop();
    EXPECT_EQ(idle.receive_all(), "");
    EXPECT_THROW(connected(endpoint.port()), Error);
    endpoint.stop();
}

TEST(Endpoint, lets_a_request_end_that_is_being_handled) {
    std::latch asked(1);
    std::latch go_on(1);
    auto endpoint =
        std::make_unique<Endpoint>(EndpointOptions(), [&](const sigv4::Request& request) {
            asked.count_down();
            go_on.wait();
            return echo(request);
        });
    RawClient client(connected(endpoint->port()));
    client.send(request("slow"));
    asked.wait();
    std::thread end([&] { endpoint.reset(); });
    go_on.count_down();
    EXPECT_THAT(client.receive_all(), HasSubstr("<q>Text=slow</q>"));
    end.join();
}

TEST(Endpoint, an_answer_on_its_way_gets_there_when_it_stops) {
    const std::string long_answer(32U << 20U, 'x');
    Endpoint endpoint({}, [&](const sigv4::Request& request) {
        SignedAnswer answer = echo(request);
        answer.response.body = long_answer + answer.response.body;
        return answer;
    });
    RawClient client(connected(endpoint.port()));
    client.send(request("long"));
    client.receive_until("HTTP/1.1 200");
    endpoint.stop();
    EXPECT_THROW(
        while (true) {
            connected(endpoint.port());
            std::this_thread::yield();
        },
        Error)
        << "it has stopped";
    EXPECT_THAT(client.receive_all(), HasSubstr("<q>Text=long</q>"));
}

TEST(Endpoint, speaks_https_with_the_certificate_that_it_is_given) {
    const kiln::tests::TemporaryDirectory directory;
    const std::string certificate = directory.path() / "cert.pem";
    const std::string key = directory.path() / "key.pem";
    const auto made =
        run_process({.arguments = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                   "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                                   "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                                   "-keyout", key, "-out", certificate},
                     .environment = {"PATH=/usr/bin:/bin"}});
    ASSERT_EQ(made.exit_status, 0) << made.standard_error;
    const Endpoint endpoint({.tls = TlsFiles{.certificate = certificate, .key = key}}, echo);
    const auto answer = run_process(
        {.arguments = {"openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile",
                       certificate, "-connect", "127.0.0.1:" + std::to_string(endpoint.port())},
         .environment = {"PATH=/usr/bin:/bin"},
         .standard_input = request("secret", false)});
    EXPECT_THAT(answer.standard_output, HasSubstr("<q>Text=secret</q>")) << answer.standard_error;
    EXPECT_THROW(Endpoint({.tls = TlsFiles{.certificate = key, .key = certificate}}, echo), Error);
    const std::string nowhere = directory.path() / "none.pem";
    try {
        const Endpoint other({.tls = TlsFiles{.certificate = certificate, .key = nowhere}}, echo);
        FAIL() << "serves";
    } catch (const Error& error) {
        EXPECT_EQ(error.message(), "cannot read '" + nowhere + "': No such file or directory");
    }
    RawClient plain(connected(endpoint.port()));
    plain.send(request("plain"));
    EXPECT_THAT(plain.receive_all(), HasSubstr("HTTPS is spoken here"));
    const std::string of_another = directory.path() / "another.pem";
    run_process({.arguments = {"openssl", "genpkey", "-algorithm", "ed25519", "-out", of_another},
                 .environment = {"PATH=/usr/bin:/bin"}});
    EXPECT_THROW(Endpoint({.tls = TlsFiles{.certificate = certificate, .key = of_another}}, echo),
                 Error);
    const std::string sealed = directory.path() / "sealed.pem";
    run_process({.arguments = {"openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x",
                               "-out", sealed},
                 .environment = {"PATH=/usr/bin:/bin"}});
    try {
        const Endpoint other({.tls = TlsFiles{.certificate = certificate, .key = sealed}}, echo);
        FAIL() << "serves";
    } catch (const Error& error) {
        EXPECT_THAT(error.message(), HasSubstr("has a passphrase"));
    }
}

TEST(Endpoint, nothing_comes_after_the_answer_to_a_head_request) {
    const Endpoint endpoint({}, echo);
    RawClient client(connected(endpoint.port()));
    client.send("HEAD /?Text=head HTTP/1.1\r\nHost: x\r\n\r\n" + request("next"));
    EXPECT_THAT(client.receive_all(), testing::Not(HasSubstr("next")));
}

}  // namespace

}  // namespace kiln::api::tests
