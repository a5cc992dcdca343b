#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/places.hpp"
#include "tests/system/guest.hpp"

namespace kiln::tests {

namespace {

constexpr const char* mapped = "192.0.2.7";
constexpr const char* mapped_by_ports = "192.0.2.8";
constexpr const char* outside = "198.51.100.2";

/// A machine that the host is a router for.
class Outside {
  public:
    Outside() {
        set_up(
            "ip netns add outside && ip link add to-outside type veth peer name eth0 netns "
            "outside && ip addr add 198.51.100.1/24 dev to-outside && ip link set to-outside up");
        for (const char* step : {"addr add 198.51.100.2/24 dev eth0", "link set eth0 up",
                                 "route add default via 198.51.100.1"})
            set_up(fmt::format("{} ip {}", inside, step));
        for (const char* address : {mapped, mapped_by_ports})
            set_up(fmt::format("ip addr add {}/32 dev lo", address));
    }
    ~Outside() {
        for (const char* address : {mapped, mapped_by_ports})
            run_on_host(fmt::format("ip addr del {}/32 dev lo", address));
        run_on_host("ip netns del outside; ip link del to-outside 2>/dev/null");
    }
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;

    static std::string command(const std::string& arguments) {
        return fmt::format("{} {} {}", inside, places::guest_probe, arguments);
    }
    std::string probe(const std::string& arguments) const {
        return run_on_host(command(arguments));
    }

  private:
    /// Not `ip netns exec` nor `ip -n`, which remount /: impossible in a chroot.
    static constexpr const char* inside = "nsenter --net=/run/netns/outside";

    static void set_up(const std::string& command) {
        run_checked({.arguments = {"sh", "-c", command}});
    }
};

}  // namespace

TEST(PublicAddressTest, addresses_of_the_host_lead_to_guests_whole_or_by_their_ports) {
    const Outside outside_host;
    KilnHost host("tiny");
    host.configure(
        fmt::format("public_addresses: [{}, \"{}:8000-8099\"]\n", mapped, mapped_by_ports));
    host.kiln_json({"create-key-pair", "--key-name", "k"});
    const Guest guest(host, host.run_instance(host.image_id(),
                                              {"--key-name", "k", "--instance-type", "t3.nano"}));
    guest.serve("7000");
    host.kiln_json({"authorize-security-group-ingress", "--group-name", "default", "--protocol",
                    "tcp", "--port", "7000", "--cidr", fmt::format("{}/32", outside)});
    const std::string whole = fmt::format("tcp {} 7000", mapped);
    const std::string by_port = fmt::format("tcp {} 8001", mapped_by_ports);
    EXPECT_NE(outside_host.probe(whole), "answered");

    const nlohmann::json first = host.kiln_json({"allocate-address"});
    EXPECT_EQ(first.at("PublicIp"), mapped);
    const nlohmann::json second = host.kiln_json(
        {"allocate-address", "--address", mapped_by_ports, "--port-range", "8000-8001"});
    const nlohmann::json association =
        host.kiln_json({"associate-address", "--allocation-id", first.at("AllocationId"),
                        "--instance-id", guest.id()});
    EXPECT_EQ(host.instance(guest.id()).at("PublicIpAddress"), mapped);
    EXPECT_EQ(outside_host.probe(whole), "answered");
    EXPECT_EQ(outside_host.probe(fmt::format("tcp {} 22", mapped)), "silent")
        << "groups count for mapped addresses, too";
    EXPECT_EQ(probe_on_host(whole), "silent") << "the rule is for the machine outside";

    host.kiln_json({"associate-address", "--allocation-id", second.at("AllocationId"),
                    "--instance-id", guest.id(), "--private-port", "6999"});
    EXPECT_EQ(outside_host.probe(by_port), "answered");
    EXPECT_NE(outside_host.probe(fmt::format("tcp {} 8002", mapped_by_ports)), "answered");

    // What the guest sends outside comes from its address.
    run_on_host(Outside::command("watch eth0 4") + " >/run/seen 2>&1 </dev/null &");
    guest.probe(fmt::format("udp {} 9", outside));
    wait_until(
        "the watcher has ended", [] { return run_on_host("tail -n 1 /run/seen") == "ended"; },
        std::chrono::seconds(30));
    EXPECT_THAT(run_on_host("cat /run/seen"), ::testing::HasSubstr("c0000207c6336402"));

    host.kiln_json({"disassociate-address", "--association-id", association.at("AssociationId")});
    EXPECT_NE(outside_host.probe(whole), "answered");
    EXPECT_EQ(outside_host.probe(by_port), "answered");
}

/// Where the service may not make bridges.
TEST(UserNetworkTest, kiln_ssh_works_the_same_and_the_service_says_why) {
    KilnHost host("tiny");
    host.configure("network: user\n");
    host.kiln_json({"create-key-pair", "--key-name", "k"});
    const std::string script = "#!/bin/sh\necho seed >/root/made\n";
    const std::string data = (host.home() / "script").string();
    run_on_host(fmt::format("printf '{}' >{}", script, data));
    const std::string id = host.run_instance(
        host.image_id(),
        {"--key-name", "k", "--instance-type", "t3.nano", "--user-data", "file://" + data});
    host.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
    EXPECT_EQ(host.ssh(id, "cat /root/made"), "seed");
    EXPECT_FALSE(host.instance(id).contains("PrivateIpAddress"));
    const ProcessResult doctor = host.kiln({"doctor"});
    EXPECT_THAT(doctor.standard_output,
                ::testing::HasSubstr("guests have user networking, without addresses of their own "
                                     "or security groups: the configuration says"));
}

}  // namespace kiln::tests
