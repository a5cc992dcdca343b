#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/server/server.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::api::tests {

inline constexpr int patience_ms = 20'000;  // far more than anything takes; only a hang gets there

/// A client that speaks raw bytes, so that it can be rude.
class RawClient {
  public:
    explicit RawClient(Fd connected) : socket_(std::move(connected)) {}
    explicit RawClient(const std::filesystem::path& path)
        : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(path.string(), static_cast<char*>(address.sun_path));
        if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0) {
            throw system_error("connect");
        }
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) return;  // the server has had enough; what it said can still be read
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// Reads until the text is there; returns what came, less when the server closed.
    std::string receive_until(const std::string& text) {
        while (received_.find(text) == std::string::npos && receive_some()) {
        }
        return received_;
    }
    std::string receive_all() {
        while (receive_some()) {
        }
        return received_;
    }
    /// Whether anything arrives (or the server closes) within the time.
    bool has_answer_within(int time_ms) {
        pollfd waited{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        return ::poll(&waited, 1, time_ms) > 0;
    }
    void end_sending() { ::shutdown(socket_.get(), SHUT_WR); }
    void forget_received() { received_.clear(); }

  private:
    bool receive_some() {
        if (!has_answer_within(patience_ms)) throw Error("TestTimeout", "", "no answer came");
        char chunk[65536];
        const ssize_t size = ::recv(socket_.get(), chunk, sizeof chunk, 0);
        if (size <= 0) return false;
        received_.append(chunk, static_cast<std::size_t>(size));
        return true;
    }

    Fd socket_;
    std::string received_;
};

/// A server in a thread, with one action, Echo, whose handler a test may replace.
class TestServer {
  public:
    using Handler =
        std::function<void(const images::Caller&, const Arguments&, XmlWriter& response)>;

    explicit TestServer(ServerLimits limits = {}, Handler handler = echo,
                        ConsoleOpener open_console = nullptr,
                        std::function<void()> on_stop = nullptr)
        : handler_(std::move(handler)),
          dispatcher_(
              table_,
              [this](const Action&, const images::Caller& caller, const Arguments& arguments,
                     XmlWriter& response) { handler_(caller, arguments, response); }),
          server_(ServerOptions{.socket = socket(), .limits = limits},
                  ServerHandlers{.dispatcher = dispatcher_,
                                 .caller_of =
                                     [](const CallerClaim& claim) {
                                         return images::Caller{
                                             .account = AccountId("100000000000"),
                                             .region = claim.region.empty()
                                                           ? fmt::format("uid-{}", claim.uid)
                                                           : claim.region};
                                     },
                                 .open_console = std::move(open_console),
                                 .on_stop = std::move(on_stop)}),
          thread_([this] { server_.run(); }) {}
    ~TestServer() {
        server_.stop();
        if (thread_.joinable()) thread_.join();
    }

    std::filesystem::path socket() const { return directory_.path() / "sub/kiln.sock"; }
    Server& server() { return server_; }
    void wait_for_end() { thread_.join(); }

    static void echo(const images::Caller& caller, const Arguments& arguments,
                     XmlWriter& response) {
        response.text("text", arguments.text("Text").value_or(""));
        response.text("region", caller.region);
    }

  private:
    kiln::tests::TemporaryDirectory directory_;
    std::vector<Action> table_{{.name = "Echo", .parameters = {{.name = "Text", .wire = "Text"}}}};
    Handler handler_;
    Dispatcher dispatcher_;
    Server server_;
    std::thread thread_;
};

inline std::string echo_request(const std::string& text, bool keep_alive = true) {
    return "GET /?Action=Echo&Text=" + text + " HTTP/1.1\r\nHost: x\r\n" +
           (keep_alive ? "" : "Connection: close\r\n") + "\r\n";
}

}  // namespace kiln::api::tests
