#include "hypervisor/network/forward_acceptance.hpp"

#include "base/process.hpp"
#include "base/text.hpp"

namespace kiln::hypervisor {

namespace {

using Arguments = std::vector<std::string>;

constexpr const char* libvirts_jump = "-A FORWARD -j LIBVIRT_FWI";

Arguments rule_for(const std::string& bridge) {
    return {"-o", bridge, "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"};
}

std::string run_iptables(Arguments arguments) {
    arguments.insert(arguments.begin(), {"iptables", "-w"});
    return run_checked({.arguments = std::move(arguments)});
}

}  // namespace

std::vector<std::vector<std::string>> forward_acceptance_commands(const std::string& bridge,
                                                                  bool is_wanted,
                                                                  const std::string& chain) {
    const std::string own_line = "-A FORWARD -o " + bridge + " ";
    bool is_first = false;
    bool libvirt_was_seen = false;
    std::size_t count = 0;
    for (const std::string& line : split(chain, '\n')) {
        if (line == libvirts_jump) libvirt_was_seen = true;
        if (!line.starts_with(own_line)) continue;
        if (!libvirt_was_seen) is_first = true;
        ++count;
    }
    if (is_wanted && is_first && count == 1) return {};
    const auto command = [&](const char* what) {
        Arguments arguments = rule_for(bridge);
        arguments.insert(arguments.begin(), {what, "FORWARD"});
        return arguments;
    };
    std::vector<Arguments> commands(count, command("-D"));
    if (is_wanted) commands.push_back(command("-I"));
    return commands;
}

void apply_forward_acceptance(const NetworkSpec& spec) {
    const std::string chain = run_iptables({"-S", "FORWARD"});
    for (const Arguments& command :
         forward_acceptance_commands(spec.bridge, !spec.mappings.empty(), chain))
        run_iptables(command);
}

}  // namespace kiln::hypervisor
