#include "hypervisor/network/host_routing.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "hypervisor/network/rule_set.hpp"

namespace kiln::hypervisor {

namespace {

// Before the rules of others that would route guests' packets elsewhere; after the host's own
// addresses.
constexpr int metadata_preference = 1000;
constexpr int closing_preference = 1001;

void write_kernel_file(const std::filesystem::path& file, const std::string& value) {
    const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) throw system_error(fmt::format("open '{}'", file.string()));
    write_all(fd, file, value);
}

void set_kernel_value(const std::filesystem::path& file, const std::string& value) {
    if (trim(read_file(file)) != value) write_kernel_file(file, value);
}

/// A port that lost its bridge (somebody removed it, and it was made anew) comes back to it; none
/// may reach another by the bridge alone.
void attach_port(const NetworkSpec& spec, const std::string& port) {
    const std::filesystem::path device = std::filesystem::path("/sys/class/net") / port;
    std::error_code none;
    if (!std::filesystem::exists(device, none)) return;
    const auto master = std::filesystem::read_symlink(device / "master", none);
    if (master.filename() != spec.bridge)
        run_checked({.arguments = {"ip", "link", "set", port, "master", spec.bridge}});
    const std::filesystem::path isolated = device / "brport/isolated";
    set_kernel_value(isolated, "1");
}

std::string run_ip(const std::vector<std::string>& arguments, const std::string& input = "") {
    Command command{.arguments = {"ip"}, .standard_input = input};
    command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
    return run_checked(command);
}

std::string marked() {
    return fmt::format("fwmark {0:#x}/{0:#x}", passed_mark);
}

std::string metadata_rule(const NetworkSpec& spec) {
    return fmt::format("pref {} iif {} to {} {} lookup {}", metadata_preference, spec.bridge,
                       to_text(metadata_address), marked(), spec.route_table);
}

std::string closing_rule(const NetworkSpec& spec) {
    return fmt::format("pref {} iif {} fwmark 0/{:#x} unreachable", closing_preference, spec.bridge,
                       passed_mark);
}

bool has_rule(const nlohmann::json& rules, const std::string& bridge, int preference) {
    for (const nlohmann::json& rule : rules) {
        if (rule.value("priority", 0) == preference && rule.value("iif", "") == bridge) return true;
    }
    return false;
}

}  // namespace

std::string routing_rule_commands(const NetworkSpec& spec, const std::string& json_rules) {
    const auto rules = nlohmann::json::parse(json_rules);
    std::string commands;
    if (!has_rule(rules, spec.bridge, closing_preference))
        commands += "rule add " + closing_rule(spec) + "\n";
    if (!has_rule(rules, spec.bridge, metadata_preference))
        commands += "rule add " + metadata_rule(spec) + "\n";
    return commands;
}

void forget_learned_cards(const NetworkSpec& spec) {
    for (const PortSpec& port : spec.ports) {
        const auto flush =
            std::filesystem::path("/sys/class/net") / port.device / "brport" / "flush";
        std::error_code none;
        if (std::filesystem::exists(flush, none)) write_kernel_file(flush, "1");
    }
}

std::vector<Ipv4Address> host_addresses() {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) throw system_error("list the host's addresses");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(first, ::freeifaddrs);
    std::vector<Ipv4Address> addresses;
    for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
        sockaddr_in address{};
        std::memcpy(&address, entry->ifa_addr, sizeof address);
        const std::uint32_t bits = ntohl(address.sin_addr.s_addr);
        if (bits >> 24U != IN_LOOPBACKNET) addresses.push_back({.bits = bits});
    }
    return addresses;
}

void apply_host_routing(const NetworkSpec& spec) {
    const std::filesystem::path settings = "/proc/sys/net/ipv4";
    set_kernel_value(settings / "ip_forward", "1");
    const std::filesystem::path device = settings / "conf" / spec.bridge;
    // The host answers for guests that its bridge keeps apart, and at once: by default it waits up
    // to 0.8 s.
    set_kernel_value(device / "proxy_arp_pvlan", "1");
    set_kernel_value(settings / "neigh" / spec.bridge / "proxy_delay", "0");
    set_kernel_value(device / "send_redirects", "0");
    set_kernel_value(device / "accept_redirects", "0");
    // LLDP and its like come by no packet filter, and would teach the bridge where a card is.
    set_kernel_value(
        std::filesystem::path("/sys/class/net") / spec.bridge / "bridge/no_linklocal_learn", "1");
    const std::string commands = routing_rule_commands(spec, run_ip({"-json", "rule"}));
    const std::string route = fmt::format("route replace local {} dev {} table {}\n",
                                          to_text(metadata_address), spec.bridge, spec.route_table);
    run_ip({"-batch", "-"}, commands + route);
    for (const PortSpec& port : spec.ports)
        attach_port(spec, port.device);
}

void remove_host_routing(const NetworkSpec& spec) {
    const auto rules = nlohmann::json::parse(run_ip({"-json", "rule"}));
    std::string commands;
    if (has_rule(rules, spec.bridge, metadata_preference))
        commands += "rule del " + metadata_rule(spec) + "\n";
    if (has_rule(rules, spec.bridge, closing_preference))
        commands += "rule del " + closing_rule(spec) + "\n";
    if (!commands.empty()) run_ip({"-batch", "-"}, commands);
}

}  // namespace kiln::hypervisor
