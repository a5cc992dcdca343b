#include "tests/system/guest.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/places.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;

constexpr seconds start_limit{20};
constexpr seconds watch_limit{60};

std::string shell(const std::string& command) {
    const ProcessResult result = run_process({.arguments = {"sh", "-c", command}});
    return std::string(trim(result.standard_output + result.standard_error));
}

}  // namespace

Guest::Guest(const KilnHost& host, std::string instance_id)
    : host_(host), id_(std::move(instance_id)) {
    const nlohmann::json instance = host.instance(id_);
    mac_address_ = instance.at("NetworkInterfaces").at(0).at("MacAddress");
    const auto address =
        parse_ipv4_address(instance.at("PrivateIpAddress").get_ref<const std::string&>());
    station_ = {parse_mac(mac_address_), address.value()};
    host.kiln_json({"describe-instance-status", "--instance-ids", id_, "--wait"});
    run("cat >/tmp/guest_probe && chmod 755 /tmp/guest_probe", read_file(places::guest_probe));
}

std::string Guest::run(const std::string& command, const std::string& standard_input) const {
    const ProcessResult result = host_.kiln({"ssh", id_, command}, standard_input);
    constexpr int no_connection = 255;
    if (result.exit_status != no_connection) return std::string(trim(result.standard_output));
    throw Error(error_code::internal_error, id_,
                fmt::format("'{}' did not run: {}", command, result.standard_error));
}

std::string Guest::probe(const std::string& arguments, const std::string& standard_input) const {
    return run("/tmp/guest_probe " + arguments, standard_input);
}

void Guest::start(const std::string& name, const std::string& command) const {
    run(fmt::format("(\n{}\n) >/tmp/{} 2>&1 </dev/null &", command, name));
}

void Guest::start_probe(const std::string& name, const std::string& arguments) const {
    start(name, "exec /tmp/guest_probe " + arguments);
}

std::string Guest::output(const std::string& name) const {
    return run("cat /tmp/" + name);
}

void Guest::serve(const std::string& ports) const {
    start_probe("server", "serve 3600 " + ports);
    wait_until(
        "the guest serves", [&] { return output("server").starts_with("serving"); }, start_limit);
}

std::vector<Octets> Guest::watched(const std::string& name) const {
    std::string seen;
    wait_until(
        "the watcher has ended",
        [&] {
            seen = output(name);
            return seen.ends_with("ended");
        },
        watch_limit);
    return frames_in(seen);
}

std::vector<Octets> frames_in(const std::string& output) {
    std::vector<Octets> frames;
    for (const std::string& line : split(output, '\n')) {
        if (line != "watching" && line != "ended") frames.push_back(from_hex(trim(line)));
    }
    return frames;
}

HostNetwork::HostNetwork(const KilnHost& host) {
    const nlohmann::json vpcs = host.kiln_json({"describe-vpcs"});
    range = parse_ipv4_range(vpcs.at("Vpcs").at(0).at("CidrBlock").get_ref<const std::string&>())
                .value();
    gateway.address = range.at(1);
    for (const nlohmann::json& device : nlohmann::json::parse(shell("ip -json -4 address"))) {
        for (const nlohmann::json& entry : device.value("addr_info", nlohmann::json::array())) {
            if (entry.value("local", "") == to_text(gateway.address)) bridge = device.at("ifname");
        }
    }
    if (bridge.empty())
        throw Error(error_code::internal_error, "", "no device of the host is the gateway");
    gateway.mac = parse_mac(std::string(trim(read_file("/sys/class/net/" + bridge + "/address"))));
}

std::string run_on_host(const std::string& command) {
    return shell(command);
}

std::string probe_on_host(const std::string& arguments) {
    return shell(std::string(places::guest_probe) + " " + arguments);
}

}  // namespace kiln::tests
