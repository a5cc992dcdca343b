#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>
#include <vector>

#include "tests/system/guest.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Ipv4Address metadata{.bits = 0xa9fea9fe};

/// Requests to the metadata service as a guest may write them by hand.
class MetadataTest : public ::testing::Test {
  protected:
    MetadataTest() : host_("tiny") { host_.kiln_json({"create-key-pair", "--key-name", "k"}); }

    std::string launch(const Arguments& more = {}) const {
        Arguments options{"--key-name", "k", "--instance-type", "t3.nano"};
        options.insert(options.end(), more.begin(), more.end());
        return host_.run_instance(host_.image_id(), options);
    }
    static std::string request(const std::string& first_line, const std::string& headers) {
        return first_line + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n";
    }
    static std::string ask(const Guest& guest, const std::string& text,
                           const std::string& source = "") {
        return guest.probe("say 169.254.169.254 80 " + source, text);
    }
    static std::string token_of(const Guest& guest) {
        const std::string answer =
            ask(guest, request("PUT /latest/api/token",
                               "Host: 169.254.169.254\r\n"
                               "X-aws-ec2-metadata-token-ttl-seconds: 300\r\n"));
        EXPECT_THAT(answer, HasSubstr("200 OK"));
        return answer.substr(answer.rfind('\n') + 1);
    }
    static std::string id_request(const std::string& headers) {
        return request("GET /latest/meta-data/instance-id", headers);
    }
    static std::string with_token(const std::string& token) {
        return "Host: 169.254.169.254\r\nX-aws-ec2-metadata-token: " + token + "\r\n";
    }
    /// Gives the guest's card that MAC and address, asks, and puts all back: ssh to it would not
    /// live.
    static std::string ask_as(const Guest& guest, const std::string& mac,
                              const std::string& address, const HostNetwork& network,
                              const std::string& text) {
        const auto become = [&](const std::string& card, const std::string& own) {
            return fmt::format(
                "ip link set eth0 down; ip addr flush dev eth0; ip link set eth0 address {}; "
                "ip link set eth0 up; ip addr add {}/{} dev eth0; ip route add default via {}\n",
                card, own, network.range.prefix_length, to_text(network.gateway.address));
        };
        guest.run("cat >/tmp/request", text);
        guest.start("answer", "sleep 1\n" + become(mac, address) +
                                  "/tmp/guest_probe say 169.254.169.254 80 </tmp/request\n" +
                                  become(guest.mac_address(), guest.address()) + "echo ended");
        std::string answer;
        wait_until(
            "the guest is itself again",
            [&] {
                answer = guest.output("answer");
                return answer.ends_with("ended");
            },
            seconds(60));
        return answer;
    }

    KilnHost host_;
};

/// The lives (TTL) of the datagrams from the metadata service that hold that text.
std::set<int> lives_of(const std::vector<Octets>& frames, const std::string& text) {
    constexpr std::size_t life_offset = 14 + 8;  // after ethernet's header, in IPv4's
    std::set<int> lives;
    for (const Octets& frame : frames) {
        const auto sender = sender_of(frame);
        if (!sender || sender->address != metadata || frame.find(text) == Octets::npos) continue;
        lives.insert(static_cast<unsigned char>(frame.at(life_offset)));
    }
    return lives;
}

}  // namespace

TEST_F(MetadataTest, a_token_goes_as_many_hops_as_the_instance_allows) {
    const Guest guest(host_, launch());
    const auto lives_of_a_token = [&] {
        guest.start_probe("seen", "watch eth0 5");
        wait_until(
            "the guest watches", [&] { return guest.output("seen").starts_with("watching"); },
            seconds(20));
        const std::string token = token_of(guest);
        return lives_of(guest.watched("seen"), token);
    };
    EXPECT_THAT(lives_of_a_token(), ::testing::ElementsAre(1));
    host_.kiln_json({"modify-instance-metadata-options", "--instance-id", guest.id(),
                     "--http-put-response-hop-limit", "7"});
    EXPECT_THAT(lives_of_a_token(), ::testing::ElementsAre(7));
}

TEST_F(MetadataTest, user_data_changed_while_stopped_is_served_at_the_next_start) {
    const std::string id = launch({"--user-data", "as launched"});
    const auto user_data = [&] {
        return ask(Guest(host_, id), request("GET /latest/user-data", ""));
    };
    EXPECT_THAT(user_data(), ::testing::EndsWith("\nas launched"));
    host_.kiln_json({"stop-instances", "--instance-ids", id, "--wait"});
    host_.kiln_json(
        {"modify-instance-attribute", "--instance-id", id, "--user-data", "as changed"});
    host_.kiln_json({"start-instances", "--instance-ids", id, "--wait"});
    EXPECT_THAT(user_data(), ::testing::EndsWith("\nas changed"));
}

TEST_F(MetadataTest, no_guest_reads_what_is_for_another) {
    const Guest self(host_, launch());
    const Guest other(host_, launch());
    const HostNetwork network(host_);
    const std::string own = id_request(with_token(token_of(self)));
    EXPECT_THAT(ask(self, own), HasSubstr(self.id())) << "the test itself does not work";

    const std::string unassigned = to_text(network.range.at(network.range.size() - 2));
    for (const std::string& address : {other.address(), unassigned}) {
        self.run("ip addr add " + address + "/32 dev eth0");
        EXPECT_EQ(ask(self, own, address), "silent") << address;
        self.run("ip addr del " + address + "/32 dev eth0");
    }
    for (const std::string& address : {self.address(), other.address()})
        EXPECT_EQ(ask_as(self, other.mac_address(), address, network, own), "silent\nended");
    EXPECT_EQ(ask_as(self, self.mac_address(), other.address(), network, own), "silent\nended");
    EXPECT_THAT(ask_as(self, self.mac_address(), self.address(), network, own),
                HasSubstr(self.id()));

    for (const char* name : {"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Client-IP",
                             "X-Instance-Id", "X-aws-ec2-instance-id"}) {
        for (const std::string& value : {other.address(), other.id()}) {
            const std::string answer =
                ask(self, id_request(with_token(token_of(self)) + name + ": " + value + "\r\n"));
            EXPECT_THAT(answer, HasSubstr("HTTP/1.1 ")) << name;
            EXPECT_THAT(answer, Not(HasSubstr(other.id()))) << name << ": " << value;
        }
    }
    for (const std::string& name : {other.address(), host_.host_name(other.id())}) {
        EXPECT_THAT(ask(self, id_request("Host: " + name + "\r\n")), Not(HasSubstr(other.id())));
        EXPECT_THAT(ask(self, request("GET http://" + name + "/latest/meta-data/instance-id",
                                      "Host: " + name + "\r\n")),
                    Not(HasSubstr(other.id())));
    }
    EXPECT_THAT(ask(self, id_request(with_token(token_of(other)))), HasSubstr(" 401 "));
}

TEST_F(MetadataTest, who_gets_an_address_later_inherits_nothing) {
    const Guest peer(host_, launch());
    const std::string first_id = launch();
    std::string address, token;
    {
        const Guest first(host_, first_id);
        address = first.address();
        token = token_of(first);
        first.serve("7000");
        peer.start_probe("tcp", "flow tcp " + address + " 7000 3600");
        peer.start_probe("udp", "flow udp " + address + " 7000 3600");
        first.start_probe("seen", "watch eth0 2");
        EXPECT_THAT(first.watched("seen"),
                    ::testing::Contains(::testing::Truly([&](const Octets& frame) {
                        const auto sender = sender_of(frame);
                        return sender && sender->address == peer.station().address;
                    })));
    }
    host_.kiln_json({"terminate-instances", "--instance-ids", first_id, "--wait"});
    const std::string closed =
        host_.kiln_json({"create-security-group", "--group-name", "closed", "--description", "x"})
            .at("GroupId");
    const Guest second(host_,
                       launch({"--private-ip-address", address, "--security-group-ids", closed}));
    ASSERT_EQ(second.address(), address);

    second.serve("7000");
    second.start_probe("seen", "watch eth0 4");
    for (const Octets& frame : second.watched("seen")) {
        const auto sender = sender_of(frame);
        EXPECT_FALSE(sender && sender->address == peer.station().address) << to_hex(frame);
    }
    EXPECT_THAT(ask(second, id_request(with_token(token))), HasSubstr(" 401 "));
    EXPECT_THAT(ask(second, id_request(with_token(token_of(second)))), HasSubstr(second.id()));
}

}  // namespace kiln::tests
