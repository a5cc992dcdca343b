#include <fmt/format.h>
#include <gmock/gmock.h>

#include <memory>
#include <set>

#include "base/text.hpp"
#include "tests/system/guest.hpp"

namespace kiln::tests {

namespace {

/// What reaches the server, as "client tcp 7000".
using Reached = std::set<std::string>;

/// Two guests, a client and a server, in a group each. Nothing may reach the server.
struct TwoGuests {
    TwoGuests() { server.serve("7000 7001"); }

    std::string make_group(const std::string& name) const {
        return host
            .kiln_json(
                {"create-security-group", "--group-name", name, "--description", "of the test"})
            .at("GroupId");
    }
    std::string launch(const std::string& group) const {
        return host.run_instance(host.image_id(), {"--key-name", "k", "--instance-type", "t3.nano",
                                                   "--security-group-ids", group});
    }

    KilnHost host{"tiny"};
    nlohmann::json key = host.kiln_json({"create-key-pair", "--key-name", "k"});
    std::string clients = make_group("clients");
    std::string servers = make_group("servers");
    Guest client{host, launch(clients)};
    Guest server{host, launch(servers)};
    HostNetwork network{host};
};

/// The tests share the guests: each leaves the groups as it found them.
class SecurityGroupTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { guests = std::make_unique<TwoGuests>(); }
    static void TearDownTestSuite() { guests.reset(); }

    void change(const std::string& command, const std::string& group, const Arguments& rule) {
        Arguments arguments{command, "--group-id", group};
        arguments.insert(arguments.end(), rule.begin(), rule.end());
        host.kiln_json(arguments);
    }
    void join(const Guest& guest, const std::string& group) {
        host.kiln_json(
            {"modify-instance-attribute", "--instance-id", guest.id(), "--groups", group});
    }
    /// What the rules say holds as soon as the command that changes them has returned: nothing here
    /// waits.
    Reached reached() const {
        std::string said =
            "host tcp 7000 " + probe_on_host("tcp " + server.address() + " 7000") + "\n";
        said += client.run(
            fmt::format("cd /tmp; s={}; for p in 'tcp 7000' 'tcp 7001' 'udp 7000'; do "
                        "(set -- $p; echo client $p $(./guest_probe $1 $s $2)) & done; "
                        "(ping -c 1 -W 1 $s >/dev/null && echo client ping answered) & wait",
                        server.address()));
        Reached result;
        for (const std::string& line : split(said, '\n')) {
            const std::size_t end = line.find(" answered");
            if (end != std::string::npos) result.insert(line.substr(0, end));
        }
        return result;
    }

    static inline std::unique_ptr<TwoGuests> guests;
    KilnHost& host = guests->host;
    std::string& clients = guests->clients;
    std::string& servers = guests->servers;
    Guest& client = guests->client;
    Guest& server = guests->server;
    HostNetwork& network = guests->network;
};

const Reached whole_client{"client tcp 7000", "client tcp 7001", "client udp 7000", "client ping"};

Reached with_host(Reached reached) {
    reached.insert("host tcp 7000");
    return reached;
}

}  // namespace

TEST_F(SecurityGroupTest, rules_let_in_what_they_say_and_nothing_else_at_once) {
    struct Case {
        std::string what;
        Arguments rule;
        Reached reached;
    };
    const std::string from_client = client.address() + "/32";
    const std::string from_host = to_text(network.gateway.address) + "/32";
    const std::string nobody = to_text(network.range.at(network.range.size() - 2)) + "/32";
    const Case cases[] = {
        {"a port, from an address",
         {"--protocol", "tcp", "--port", "7000", "--cidr", from_client},
         {"client tcp 7000"}},
        {"the same from an address that nobody has",
         {"--protocol", "tcp", "--port", "7000", "--cidr", nobody},
         {}},
        {"ports, from the whole network",
         {"--protocol", "tcp", "--port", "7000-7001", "--cidr", to_text(network.range)},
         {"client tcp 7000", "client tcp 7001", "host tcp 7000"}},
        {"UDP",
         {"--protocol", "udp", "--port", "7000", "--cidr", from_client},
         {"client udp 7000"}},
        {"a port, from a group",
         {"--protocol", "tcp", "--port", "7001", "--source-group", clients},
         {"client tcp 7001"}},
        {"a port, from a group that the client is not in",
         {"--protocol", "tcp", "--port", "7001", "--source-group", servers},
         {}},
        {"everything, from a group", {"--protocol", "-1", "--source-group", clients}, whole_client},
        {"the host alone",
         {"--protocol", "tcp", "--port", "7000", "--cidr", from_host},
         {"host tcp 7000"}},
        {"a port, from everywhere",
         {"--protocol", "tcp", "--port", "7000", "--cidr", "0.0.0.0/0"},
         {"client tcp 7000", "host tcp 7000"}},
        {"everything, from everywhere",
         {"--protocol", "-1", "--cidr", "0.0.0.0/0"},
         with_host(whole_client)},
        {"pings", {"--protocol", "icmp", "--port", "8--1", "--cidr", from_client}, {"client ping"}},
        {"other ICMP", {"--protocol", "icmp", "--port", "13-0", "--cidr", from_client}, {}},
        {"a protocol by its number",
         {"--protocol", "6", "--port", "-1", "--cidr", from_client},
         {"client tcp 7000", "client tcp 7001"}},
    };
    EXPECT_EQ(reached(), Reached{});
    for (const Case& test : cases) {
        change("authorize-security-group-ingress", servers, test.rule);
        EXPECT_EQ(reached(), test.reached) << test.what;
        change("revoke-security-group-ingress", servers, test.rule);
        EXPECT_EQ(reached(), Reached{}) << "revoked: " << test.what;
    }
}

TEST_F(SecurityGroupTest, egress_and_membership_count_too) {
    const Arguments everything{"--protocol", "-1", "--cidr", "0.0.0.0/0"};
    change("authorize-security-group-ingress", servers, everything);
    EXPECT_EQ(reached(), with_host(whole_client));
    change("revoke-security-group-egress", clients, everything);
    EXPECT_EQ(reached(), with_host({}));
    change("authorize-security-group-egress", clients,
           {"--protocol", "tcp", "--port", "7000", "--cidr", server.address() + "/32"});
    EXPECT_EQ(reached(), with_host({"client tcp 7000"}));
    change("authorize-security-group-egress", clients,
           {"--protocol", "udp", "--port", "7000", "--source-group", servers});
    EXPECT_EQ(reached(), with_host({"client tcp 7000", "client udp 7000"}));

    const nlohmann::json answer =
        host.kiln_json({"describe-security-groups", "--filters", "Name=group-name,Values=default"});
    const std::string fallback = answer.at("SecurityGroups").at(0).at("GroupId");
    join(client, fallback);
    EXPECT_EQ(reached(), with_host(whole_client));
    change("revoke-security-group-ingress", servers, everything);
    EXPECT_EQ(reached(), Reached{});
    join(server, fallback);
    EXPECT_EQ(reached(), whole_client) << "members of the default group reach one another";
    EXPECT_EQ(server.run("echo here"), "here") << "kiln ssh works in every group";
    join(client, clients);
    EXPECT_EQ(reached(), Reached{});

    join(server, servers);
    change("revoke-security-group-egress", clients,
           {"--protocol", "tcp", "--port", "7000", "--cidr", server.address() + "/32"});
    change("revoke-security-group-egress", clients,
           {"--protocol", "udp", "--port", "7000", "--source-group", servers});
    change("authorize-security-group-egress", clients, everything);
    EXPECT_EQ(reached(), Reached{}) << "all is as it was";
}

TEST_F(SecurityGroupTest, a_tracked_flow_outlives_its_rule_and_an_untracked_one_does_not) {
    struct Case {
        std::string protocol;
        std::string range;
        bool is_tracked;
    };
    constexpr int long_ms = 1500;  // a flow is answered ten times a second
    for (const Case& test :
         {Case{"tcp", client.address() + "/32", true}, Case{"udp", client.address() + "/32", true},
          Case{"tcp", "0.0.0.0/0", false}, Case{"udp", "0.0.0.0/0", false}}) {
        SCOPED_TRACE(test.protocol + " " + test.range);
        const Arguments rule{"--protocol", test.protocol, "--port", "7000", "--cidr", test.range};
        change("authorize-security-group-ingress", servers, rule);
        client.start_probe("flow",
                           fmt::format("flow {} {} 7000 8", test.protocol, server.address()));
        const std::string probe = fmt::format("{} {} 7000", test.protocol, server.address());
        EXPECT_EQ(client.probe(probe), "answered");
        change("revoke-security-group-ingress", servers, rule);
        EXPECT_EQ(client.probe(probe), "silent");
        std::string flow;
        wait_until(
            "the flow has ended", [&] { return !(flow = client.output("flow")).empty(); },
            std::chrono::seconds(30));
        const int answers = std::stoi(flow);
        const int last_ms = std::stoi(flow.substr(flow.find(' ')));
        EXPECT_GT(answers, 0) << flow;
        EXPECT_EQ(last_ms < long_ms, test.is_tracked) << flow;
    }
}

}  // namespace kiln::tests
