#include <fmt/format.h>
#include <gmock/gmock.h>

#include <vector>

#include "base/text.hpp"
#include "tests/places.hpp"
#include "tests/system/guest.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view marker = "kiln-spoof-";
constexpr const char* honest_text = "kiln-honest";
constexpr const char* watch_s = "25";
constexpr Ipv4Address metadata{.bits = 0xa9fea9fe};
constexpr Ipv4Address elsewhere{.bits = 0x08080808};
constexpr std::uint16_t ipv4_type = 0x0800;
constexpr std::uint16_t arp_type = 0x0806;
const Octets nobodys_mac(6, '\0');

struct Attempt {
    std::string what;
    Octets frame;
};

/// Frames by which one guest, `self`, claims to be another, or the host.
class Attempts {
  public:
    Attempts(Station self, Station other, Station gateway, Ipv4Address unassigned)
        : self_(std::move(self)),
          other_(std::move(other)),
          gateway_(std::move(gateway)),
          unassigned_(unassigned) {
        add_cards_and_addresses();
        add_foreign_addresses();
        add_metadata_requests();
        add_arp();
        add_dhcp();
        add_encapsulations();
        add_fragments();
        add_icmp();
        add_link_local();  // last: what they teach the bridge would be mended by an answer
    }

    const std::vector<Attempt>& all() const { return attempts_; }

  private:
    std::string text() const { return fmt::format("{}{:02}", marker, attempts_.size()); }
    void add(const std::string& what, const Octets& frame) { attempts_.push_back({what, frame}); }
    /// A datagram to a station, as from that MAC and address.
    void add_datagram(const std::string& what, const Octets& mac, Ipv4Address address,
                      const Station& to) {
        constexpr std::uint16_t port = 9;
        add(what, ethernet(to.mac, mac, ipv4_type, udp(address, port, to.address, port, text())));
    }
    void add_arp(const std::string& what, std::string_view to, const Octets& from,
                 ArpOperation operation, const Station& sender, const Station& target) {
        add(what, ethernet(to, from, arp_type, arp(operation, sender, target, text())));
    }

    void add_cards_and_addresses() {
        add_datagram("the other's MAC, own address, to the host", other_.mac, self_.address,
                     gateway_);
        add_datagram("own MAC, the other's address, to the host", self_.mac, other_.address,
                     gateway_);
        add_datagram("the other's MAC and address, to the host", other_.mac, other_.address,
                     gateway_);
        add_datagram("the other's MAC and address, to the other", other_.mac, other_.address,
                     other_);
        add_datagram("the host's MAC, own address, to the other", gateway_.mac, self_.address,
                     other_);
        add_datagram("own MAC, the host's address, to the other", self_.mac, gateway_.address,
                     other_);
        add_datagram("the host's MAC and address, to the other", gateway_.mac, gateway_.address,
                     other_);
        add_datagram("the other's address, to everybody", self_.mac, other_.address,
                     {Octets(broadcast_mac), broadcast_address});
        const Station group{from_hex("01005e000001"), {.bits = 0xe0000001}};
        add_datagram("the other's address, to a multicast group", self_.mac, other_.address, group);
    }

    void add_foreign_addresses() {
        const std::pair<const char*, Ipv4Address> addresses[] = {
            {"an address that no guest has", unassigned_},
            {"an address of the internet", elsewhere},
            {"the metadata service's address", metadata},
            {"no address", {}},
            {"the broadcast address", broadcast_address},
            {"a loopback address", {.bits = 0x7f000001}}};
        for (const auto& [what, address] : addresses) {
            add_datagram(fmt::format("{}, routed", what), self_.mac, address,
                         {gateway_.mac, other_.address});
            add_datagram(fmt::format("{}, to the other's card", what), self_.mac, address, other_);
        }
    }

    void add_metadata_requests() {
        const auto request = [&](const char* what, const Octets& mac, Ipv4Address address) {
            add(what, ethernet(gateway_.mac, mac, ipv4_type,
                               tcp_syn(address, 4000, metadata, 80, text())));
        };
        request("the metadata service, from the other's address", self_.mac, other_.address);
        request("the metadata service, as the other", other_.mac, other_.address);
        request("the metadata service, from an address that no guest has", self_.mac, unassigned_);
    }

    void add_arp() {
        const Station none{nobodys_mac, other_.address};
        const Station gateway_is_self{self_.mac, gateway_.address};
        const Station other_is_self{self_.mac, other_.address};
        const Station metadata_is_self{self_.mac, metadata};
        constexpr auto reply = ArpOperation::reply;
        constexpr auto request = ArpOperation::request;
        add_arp("ARP tells the other: the gateway is me", other_.mac, self_.mac, reply,
                gateway_is_self, other_);
        add_arp("ARP tells everybody: the gateway is me", broadcast_mac, self_.mac, reply,
                gateway_is_self, gateway_is_self);
        add_arp("ARP tells everybody: the metadata service is me", broadcast_mac, self_.mac, reply,
                metadata_is_self, metadata_is_self);
        add_arp("ARP tells the host: the other is me", gateway_.mac, self_.mac, reply,
                other_is_self, gateway_);
        add_arp("ARP asks as the other", broadcast_mac, self_.mac, request, other_is_self,
                {nobodys_mac, gateway_.address});
        add_arp("gratuitous ARP for the other's address", broadcast_mac, self_.mac, request,
                other_is_self, none);
        add_arp("ARP whose sender is not its frame's", broadcast_mac, self_.mac, request, other_,
                {nobodys_mac, gateway_.address});
        add_arp("ARP whose frame is not its sender's", broadcast_mac, other_.mac, request, self_,
                {nobodys_mac, gateway_.address});
        add_arp("ARP as the other, all of it", broadcast_mac, other_.mac, request, other_,
                {nobodys_mac, gateway_.address});
        add_arp("ARP probe with the other's MAC", broadcast_mac, self_.mac, request,
                {other_.mac, {}}, none);
        add("RARP", ethernet(broadcast_mac, self_.mac, 0x8035,
                             arp(request, other_is_self, other_is_self, text())));
    }

    void add_dhcp_request(const std::string& what, std::uint8_t message, Ipv4Address from,
                          const Station& client) {
        add(what,
            ethernet(broadcast_mac, self_.mac, ipv4_type,
                     udp(from, 68, from == Ipv4Address{} ? broadcast_address : gateway_.address, 67,
                         dhcp(message, client, other_.address, gateway_.address, text()))));
    }

    void add_dhcp() {
        constexpr std::uint8_t discover = 1, offer = 2, decline = 4, release = 7;
        const auto offer_from = [&](const char* what, Ipv4Address from) {
            add(what, ethernet(other_.mac, self_.mac, ipv4_type,
                               udp(from, 67, other_.address, 68,
                                   dhcp(offer, other_, other_.address, from, text()))));
        };
        offer_from("DHCP offer from the own address", self_.address);
        offer_from("DHCP offer from the host's address", gateway_.address);
        const Station unknown{other_.mac, {}};
        add_dhcp_request("DHCP discover with the other's card", discover, {}, unknown);
        add_dhcp_request("DHCP decline with the other's card", decline, {}, unknown);
        add_dhcp_request("DHCP decline with the other's card, from the own address", decline,
                         self_.address, unknown);
        add_dhcp_request("DHCP release of the other's address", release, self_.address, other_);
    }

    void add_encapsulations() {
        const auto inner = [&] { return udp(other_.address, 9, gateway_.address, 9, text()); };
        const auto tagged = [&](const char* what, std::uint16_t type) {
            add(what, ethernet(gateway_.mac, other_.mac, type, from_hex("00000800") + inner()));
        };
        tagged("as the other, in VLAN 0", 0x8100);
        tagged("as the other, in a provider's VLAN", 0x88a8);
        add("as the other, in 802.3 with SNAP",
            ethernet(gateway_.mac, other_.mac, 60, from_hex("aaaa030000000800") + inner()));
        add("as the other, in PPPoE",
            ethernet(gateway_.mac, other_.mac, 0x8864, from_hex("11000001003c0021") + inner()));
        Octets version_six = inner();
        version_six[0] = '\x65';
        add("IPv4 that says it is version 6",
            ethernet(gateway_.mac, self_.mac, ipv4_type, version_six));
        add("IPv6", ethernet(from_hex("333300000001"), self_.mac, 0x86dd,
                             from_hex("6000000000103aff") + Octets(32, '\xfe') + text()));
        add("a type of frame for experiments",
            ethernet(broadcast_mac, other_.mac, 0x88b5, Octets(text())));
    }

    void add_fragments() {
        const auto fragment = [&](const char* what, const Octets& payload,
                                  const Ipv4Options& options) {
            constexpr std::uint8_t protocol = 17;
            add(what, ethernet(gateway_.mac, self_.mac, ipv4_type,
                               ipv4(other_.address, gateway_.address, protocol, payload, options)));
        };
        fragment("a first fragment from the other's address", Octets(8, '\0') + text(),
                 {.more_fragments = true});
        fragment("a later fragment from the other's address", text(), {.fragment_offset = 1});
        constexpr std::string_view loose_source_route("\x83\x07\x04\x08\x08\x08\x08\x00", 8);
        fragment("a source route from the other's address", Octets(8, '\0') + text(),
                 {.options = loose_source_route});
    }

    void add_icmp() {
        constexpr std::uint8_t redirect = 5, for_host = 1, echo = 8;
        Octets new_gateway;
        for (const unsigned shift : {24U, 16U, 8U, 0U})
            new_gateway += static_cast<char>(self_.address.bits >> shift & 0xffU);
        const Octets quoted = udp(other_.address, 9, elsewhere, 9, text());
        add("ICMP redirect from the host's address",
            ethernet(
                other_.mac, self_.mac, ipv4_type,
                icmp(gateway_.address, other_.address, redirect, for_host, new_gateway + quoted)));
        add("ICMP echo as the other",
            ethernet(gateway_.mac, self_.mac, ipv4_type,
                     icmp(other_.address, gateway_.address, echo, 0, Octets(4, '\0') + text())));
    }

    void add_link_local() {
        add("LLDP with the other's MAC",
            ethernet(from_hex("0180c200000e"), other_.mac, 0x88cc, Octets(text())));
        add("a spanning tree's frame with the other's MAC",
            ethernet(from_hex("0180c2000000"), other_.mac, 38,
                     from_hex("424203") + Octets(text())));
    }

    Station self_;
    Station other_;
    Station gateway_;
    Ipv4Address unassigned_;
    std::vector<Attempt> attempts_;
};

class SpoofingTest : public ::testing::Test {
  protected:
    SpoofingTest() : host_("tiny") { host_.kiln_json({"create-key-pair", "--key-name", "k"}); }

    std::string launch(const Arguments& more = {}) const {
        Arguments options{"--key-name", "k", "--instance-type", "t3.nano"};
        options.insert(options.end(), more.begin(), more.end());
        return host_.run_instance(host_.image_id(), options);
    }

    KilnHost host_;
};

/// The texts of the attempts among frames that do not come from `self`.
std::vector<std::string> delivered(const std::vector<Octets>& frames, const Station& self,
                                   const std::vector<Attempt>& attempts) {
    std::vector<std::string> found;
    for (const Octets& frame : frames) {
        const std::size_t place = frame.find(marker);
        if (place == std::string::npos) continue;
        const auto sender = sender_of(frame);
        if (sender && sender->address == self.address) continue;
        const std::size_t index = std::stoul(frame.substr(place + marker.size(), 2));
        found.push_back(attempts.at(index).what);
    }
    return found;
}

std::uint32_t offset_in(const HostNetwork& network, const Guest& guest) {
    return guest.station().address.bits - network.range.first.bits;
}

bool has_honest_frame(const std::vector<Octets>& frames) {
    return std::ranges::any_of(
        frames, [](const Octets& frame) { return frame.find(honest_text) != std::string::npos; });
}

}  // namespace

TEST_F(SpoofingTest, frames_that_claim_to_be_anothers_are_not_delivered) {
    const Guest self(host_, launch());
    const Guest other(host_, launch());
    const HostNetwork network(host_);
    const Attempts attempts(self.station(), other.station(), network.gateway,
                            network.range.at(network.range.size() - 2));
    std::string frames;
    for (const Attempt& attempt : attempts.all())
        frames += to_hex(attempt.frame) + "\n";
    const Octets honest =
        ethernet(network.gateway.mac, self.station().mac, ipv4_type,
                 udp(self.station().address, 9, other.station().address, 9, honest_text));
    ASSERT_GE(attempts.all().size(), 25U);
    // Each knows the other, so that honest frames are sent at once.
    self.run("ping -c 1 -W 5 " + other.address());

    const TemporaryDirectory directory;
    const std::string seen_by_host = (directory.path() / "seen").string();
    run_on_host(fmt::format("{} watch {} {} >{} 2>&1 </dev/null &", places::guest_probe,
                            network.bridge, watch_s, seen_by_host));
    other.start_probe("seen", fmt::format("watch eth0 {}", watch_s));
    self.probe("send eth0", to_hex(honest) + "\n" + frames);
    const std::string learned = run_on_host("bridge fdb show br " + network.bridge);
    const std::vector<Octets> at_other = other.watched("seen");
    wait_until(
        "the watcher has ended",
        [&] { return run_on_host("tail -n 1 " + seen_by_host) == "ended"; }, seconds(60));
    const std::vector<Octets> at_host = frames_in(run_on_host("cat " + seen_by_host));
    EXPECT_TRUE(has_honest_frame(at_other)) << "the test itself does not work";
    EXPECT_TRUE(has_honest_frame(at_host)) << "the test itself does not work";
    EXPECT_THAT(delivered(at_other, self.station(), attempts.all()), ::testing::IsEmpty());
    EXPECT_THAT(delivered(at_host, self.station(), attempts.all()), ::testing::IsEmpty());
    const std::string port = fmt::format("-{:04x} ", offset_in(network, other));
    for (const std::string& line : split(learned, '\n')) {
        if (!line.starts_with(other.mac_address())) continue;
        EXPECT_THAT(line, HasSubstr(port)) << "the bridge looks for the other there";
    }
    // DHCP still knows the other, too.
    EXPECT_THAT(other.run("udhcpc -i eth0 -n -q -s /bin/true 2>&1"),
                HasSubstr("lease of " + other.address() + " obtained"));
}

}  // namespace kiln::tests
