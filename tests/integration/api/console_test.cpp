#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "api/client/client.hpp"
#include "tests/integration/api/test_server.hpp"

namespace kiln::api {

namespace {

using testing::HasSubstr;
using testing::StartsWith;
using tests::RawClient;
using tests::TestServer;

constexpr const char* instance = "i-00000000000000001";

/// A guest's serial port that a test plays: what was typed, and what the guest prints.
class FakeGuest {
  public:
    ConsoleOpener opener() {
        return [this](const images::Caller&, const std::string& id,
                      hypervisor::ConsoleCallbacks callbacks) {
            if (refuse_) throw Error("IncorrectInstanceState", id, "it is stopped");
            const std::lock_guard lock(mutex_);
            callbacks_ = std::move(callbacks);
            open_ = true;
            return std::make_unique<FakeConsole>(*this);
        };
    }
    void refuse() { refuse_ = true; }
    void print(std::string_view text) { callbacks_.on_bytes(text); }
    void close() { callbacks_.on_close(); }
    std::string wait_for_typed(const std::string& text) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return typed_.find(text) != std::string::npos; });
        return typed_;
    }
    bool wait_until_closed() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return !open_; });
    }

  private:
    static constexpr std::chrono::milliseconds patience{tests::patience_ms};

    class FakeConsole final : public hypervisor::Console {
      public:
        explicit FakeConsole(FakeGuest& guest) : guest_(guest) {}
        ~FakeConsole() override {
            const std::lock_guard lock(guest_.mutex_);
            guest_.open_ = false;
            guest_.changed_.notify_all();
        }
        void send(std::string_view bytes) override {
            const std::lock_guard lock(guest_.mutex_);
            guest_.typed_ += bytes;
            guest_.changed_.notify_all();
        }

      private:
        FakeGuest& guest_;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    hypervisor::ConsoleCallbacks callbacks_;
    std::string typed_;
    bool open_ = false;
    bool refuse_ = false;
};

class ConsoleTest : public testing::Test {
  protected:
    /// A client whose console is open.
    std::unique_ptr<RawClient> opened(const std::string& early_typing = "") {
        auto client = std::make_unique<RawClient>(server_.socket());
        client->send("GET /console/" + std::string(instance) +
                     " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: kiln-console\r\n"
                     "\r\n" +
                     early_typing);
        EXPECT_THAT(client->receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 101"));
        client->forget_received();
        return client;
    }

    FakeGuest guest_;
    TestServer server_{{}, TestServer::echo, guest_.opener()};
};

TEST_F(ConsoleTest, carries_bytes_both_ways) {
    const auto client = opened();

    guest_.print("login: ");
    EXPECT_EQ(client->receive_until("login: "), "login: ");
    client->send(std::string("root\0\xff\n", 7));
    EXPECT_EQ(guest_.wait_for_typed("\n"), std::string("root\0\xff\n", 7));
}

TEST_F(ConsoleTest, does_not_lose_what_was_typed_with_the_request) {
    const auto client = opened("early");
    EXPECT_EQ(guest_.wait_for_typed("early"), "early");
}

TEST_F(ConsoleTest, closes_when_the_client_goes) {
    auto client = opened();
    client.reset();
    EXPECT_TRUE(guest_.wait_until_closed());
}

TEST_F(ConsoleTest, still_prints_to_a_client_that_has_ended_its_own_side) {
    const auto client = opened();
    client->send("halt\n");
    client->end_sending();
    guest_.wait_for_typed("halt\n");

    guest_.print("bye");
    guest_.close();

    EXPECT_EQ(client->receive_all(), "bye");
    EXPECT_TRUE(guest_.wait_until_closed());
}

TEST_F(ConsoleTest, closes_when_a_client_that_had_ended_its_side_goes) {
    auto client = opened();
    client->end_sending();
    client.reset();
    EXPECT_TRUE(guest_.wait_until_closed());
}

TEST_F(ConsoleTest, ends_with_the_guest) {
    const auto client = opened();
    guest_.print("Power down");
    guest_.close();
    EXPECT_EQ(client->receive_all(), "Power down");
}

TEST_F(ConsoleTest, drops_output_that_the_client_does_not_read) {
    const auto client = opened();
    const std::string chunk(64U << 10U, 'x');
    for (int i = 0; i < 1000; ++i)
        guest_.print(chunk);
    guest_.close();
    EXPECT_LT(client->receive_all().size(), 1000 * chunk.size());
}

TEST_F(ConsoleTest, ends_when_the_server_stops) {
    const auto client = opened();
    server_.server().stop();
    EXPECT_EQ(client->receive_all(), "");
    EXPECT_TRUE(guest_.wait_until_closed());
}

TEST_F(ConsoleTest, is_refused_as_an_action_is) {
    guest_.refuse();
    try {
        Client(server_.socket()).open_console(instance);
        FAIL() << "was opened";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "IncorrectInstanceState");
    }
}

TEST_F(ConsoleTest, wants_an_instance_id) {
    try {
        Client(server_.socket()).open_console("../etc");
        FAIL() << "was opened";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "InvalidInstanceID.Malformed");
    }
}

TEST_F(ConsoleTest, the_client_gets_a_plain_socket) {
    const ConsoleConnection console = Client(server_.socket()).open_console(instance);

    ASSERT_EQ(::send(console.socket.get(), "hi", 2, MSG_NOSIGNAL), 2);
    EXPECT_EQ(guest_.wait_for_typed("hi"), "hi");
    guest_.print("hello");
    char bytes[16];
    EXPECT_EQ(::recv(console.socket.get(), bytes, sizeof bytes, 0), 5);
}

}  // namespace

}  // namespace kiln::api
