#include "hypervisor/libvirt/user_network.hpp"

#include <fmt/format.h>
#include <libvirt/libvirt-qemu.h>

#include <charconv>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

constexpr const char* host_address = "127.0.0.1";
/// libvirt's name for the back end of the first interface.
constexpr const char* first_network = "hostnet0";

std::optional<std::uint16_t> parse_port(const std::string& text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return port;
}

/// "TCP[HOST_FORWARD]  90  127.0.0.1 41709  10.0.2.15  22  0  0"
std::optional<PortForward> parse_line(const std::string& line) {
    std::istringstream words(line);
    std::string kind, descriptor, source, source_port, destination, destination_port;
    words >> kind >> descriptor >> source >> source_port >> destination >> destination_port;
    if (!words || kind != "TCP[HOST_FORWARD]") return std::nullopt;
    const auto host_port = parse_port(source_port);
    const auto guest_port = parse_port(destination_port);
    if (!host_port || !guest_port) return std::nullopt;
    return PortForward{source, *host_port, *guest_port};
}

std::string monitor_command(virDomainPtr domain, const std::string& command) {
    char* answer = nullptr;
    const int status = virDomainQemuMonitorCommand(domain, command.c_str(), &answer,
                                                   VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP);
    const TextPtr owned(answer);
    if (status < 0) {
        throw last_libvirt_error(fmt::format("run the monitor command '{}'", command),
                                 virDomainGetName(domain));
    }
    return owned ? owned.get() : "";
}

std::optional<std::uint16_t> find_forward(virDomainPtr domain, std::uint16_t guest_port) {
    for (const PortForward& forward :
         parse_port_forwards(monitor_command(domain, "info usernet"))) {
        if (forward.guest_port == guest_port && forward.host_address == host_address) {
            return forward.host_port;
        }
    }
    return std::nullopt;
}

}  // namespace

std::vector<PortForward> parse_port_forwards(const std::string& info_usernet) {
    std::vector<PortForward> forwards;
    for (const std::string& line : split(info_usernet, '\n')) {
        if (const auto forward = parse_line(line)) forwards.push_back(*forward);
    }
    return forwards;
}

std::uint16_t forward_port_of(virDomainPtr domain, std::uint16_t guest_port) {
    if (const auto port = find_forward(domain, guest_port)) return *port;
    // Host port 0: the kernel chooses a free one, which cannot be lost to somebody else meanwhile.
    const std::string answer = monitor_command(
        domain,
        fmt::format("hostfwd_add {} tcp:{}:0-:{}", first_network, host_address, guest_port));
    if (const auto port = find_forward(domain, guest_port)) return *port;
    const std::string name = virDomainGetName(domain);
    throw Error(error_code::internal_error, name,
                fmt::format("cannot forward a port to port {} of '{}': {}", guest_port, name,
                            trim(answer)));
}

}  // namespace kiln::hypervisor
