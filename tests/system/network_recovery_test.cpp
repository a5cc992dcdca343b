#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "hypervisor/network/nftables.hpp"
#include "tests/system/guest.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;

constexpr seconds end_limit{30};

std::vector<pid_t> processes_named(const std::string& name) {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string pid = entry.path().filename();
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream file(entry.path() / "comm");
        std::string its_name;  // stays empty when the process ends meanwhile
        std::getline(file, its_name);
        if (its_name == name) found.push_back(std::stoi(pid));
    }
    return found;
}

/// Ends all processes of that name on the private host.
void end_processes(const std::string& name) {
    for (const pid_t pid : processes_named(name))
        ::kill(pid, SIGKILL);
    wait_until(
        name + " has ended", [&] { return processes_named(name).empty(); }, end_limit);
}

void start_libvirt() {
    run_on_host("libvirtd -d </dev/null >/dev/null 2>&1");
    wait_until(
        "libvirtd answers",
        [] { return run_on_host("virsh -q version >/dev/null && echo yes") == "yes"; }, end_limit);
}

/// A client and a server; one port of the server is open to the client's group.
class NetworkRecoveryTest : public ::testing::Test {
  protected:
    NetworkRecoveryTest() : host_("tiny") {
        host_.kiln_json({"create-key-pair", "--key-name", "k"});
        const std::string clients = make_group("clients");
        const std::string servers = make_group("servers");
        host_.kiln_json({"authorize-security-group-ingress", "--group-id", servers, "--protocol",
                         "tcp", "--port", "7000", "--source-group", clients});
        client_ = launch(clients);
        server_ = launch(servers);
        addresses_ = {host_.private_address(client_), host_.private_address(server_)};
        bridge_ = HostNetwork(host_).bridge;
    }

    std::string make_group(const std::string& name) {
        return host_
            .kiln_json({"create-security-group", "--group-name", name, "--description", "x"})
            .at("GroupId");
    }
    std::string launch(const std::string& group) {
        return host_.run_instance(host_.image_id(), {"--key-name", "k", "--instance-type",
                                                     "t3.nano", "--security-group-ids", group});
    }
    static std::string instance_id_of(const Guest& guest) {
        return guest.probe("say 169.254.169.254 80",
                           "GET /latest/meta-data/instance-id HTTP/1.1\r\n"
                           "Host: 169.254.169.254\r\nConnection: close\r\n\r\n");
    }
    /// Addresses, filters and metadata are what they were.
    void expect_as_before() const {
        const Guest client(host_, client_);
        const Guest server(host_, server_);
        EXPECT_EQ(client.address(), addresses_.first);
        EXPECT_EQ(server.address(), addresses_.second);
        EXPECT_THAT(client.run("ip -4 addr show dev eth0"),
                    ::testing::HasSubstr(addresses_.first + "/"));
        EXPECT_EQ(client.probe("tcp " + server.address() + " 7000"), "answered");
        EXPECT_EQ(client.probe("tcp " + server.address() + " 7001"), "silent");
        EXPECT_EQ(probe_on_host("tcp " + server.address() + " 7000"), "silent");
        EXPECT_THAT(instance_id_of(client), ::testing::EndsWith(client_));
        EXPECT_THAT(instance_id_of(server), ::testing::EndsWith(server_));
        EXPECT_EQ(
            client.run("ip addr add " + server.address() +
                       "/32 dev eth0; /tmp/guest_probe tcp 169.254.169.254 80 " + server.address() +
                       "; ip addr del " + server.address() + "/32 dev eth0"),
            "silent");
    }
    void remove_rule_set() const {
        hypervisor::Nftables nftables;
        for (const char* family : {"inet", "bridge"}) {
            ASSERT_TRUE(nftables.has_table(family, bridge_)) << family;
            nftables.run(fmt::format("delete table {} {}\n", family, bridge_));
        }
    }

    KilnHost host_;
    std::string client_;
    std::string server_;
    std::pair<std::string, std::string> addresses_;
    std::string bridge_;
};

}  // namespace

TEST_F(NetworkRecoveryTest, libvirtd_and_the_service_start_anew_under_running_guests) {
    Guest(host_, server_).serve("7000 7001");
    expect_as_before();
    end_processes("libvirtd");
    start_libvirt();
    expect_as_before();
    host_.kill_service();
    host_.start_service();
    expect_as_before();
    host_.kill_service();
    end_processes("libvirtd");
    start_libvirt();
    host_.start_service();
    expect_as_before();
}

TEST_F(NetworkRecoveryTest, guests_are_closed_off_while_the_rule_set_is_missing) {
    const Guest client(host_, client_);
    const Guest server(host_, server_);
    server.serve("7000 7001");
    client.serve("7000 7001");
    expect_as_before();
    // `kiln ssh` would start the service, which would load the rules.
    const auto run_in = [&](const Guest& guest, const std::string& command) {
        return run_on_host(fmt::format(
            "ssh -n -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes "
            "-o LogLevel=ERROR -i {}/.config/kiln/keys/k.pem root@{} '{}'",
            host_.home().string(), guest.address(), command));
    };
    const auto attempts = [&](const Guest& from, const Guest& to) {
        std::string said;
        for (const char* port : {"tcp {} 7000", "tcp {} 7001", "udp {} 7000", "udp {} 7001",
                                 "tcp 169.254.169.254 80", "tcp 192.0.2.1 80"}) {
            said +=
                run_in(from, "/tmp/guest_probe " + fmt::format(fmt::runtime(port), to.address())) +
                "\n";
        }
        return said;
    };
    host_.kill_service();
    EXPECT_THAT(attempts(client, server), ::testing::StartsWith("answered\nsilent\n"))
        << "the test itself does not work";
    remove_rule_set();
    for (const std::string& said : {attempts(client, server), attempts(server, client)}) {
        // Which of the two depends on how many ICMP errors the host still sends this second.
        EXPECT_THAT(said, ::testing::MatchesRegex("((refused|silent)\n){6}"));
    }
    host_.start_service();
    expect_as_before();
    remove_rule_set();
    wait_until(
        "the service has loaded the rules anew",
        [&] { return hypervisor::Nftables().has_table("inet", bridge_); }, seconds(60));
    expect_as_before();
}

TEST_F(NetworkRecoveryTest, the_host_has_rebooted) {
    host_.kill_service();
    end_processes("libvirtd");
    end_processes("qemu-system-x86");
    end_processes("dnsmasq");
    remove_rule_set();
    run_on_host("ip link del " + bridge_);
    for (const char* preference : {"1000", "1001"})
        run_on_host(std::string("ip rule del pref ") + preference);
    for (const char* state : {"network", "qemu"})
        std::filesystem::remove_all(std::string("/run/libvirt/") + state);
    EXPECT_THAT(run_on_host("ip rule"), ::testing::Not(::testing::HasSubstr(bridge_)));

    start_libvirt();
    host_.start_service();
    EXPECT_EQ(host_.instance_state(client_), "stopped");
    EXPECT_EQ(host_.instance_state(server_), "stopped");
    host_.kiln_json({"start-instances", "--instance-ids", client_, server_, "--wait"});
    Guest(host_, server_).serve("7000 7001");
    expect_as_before();
}

}  // namespace kiln::tests
