#include "hypervisor/libvirt/guest_agent.hpp"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

/// For an agent that said before that it is there.
constexpr std::chrono::seconds time_to_answer{2};
/// How long to wait for a refusal of an order.
constexpr std::chrono::seconds time_to_refuse{1};

TextPtr run(virDomainPtr domain, const char* command, std::chrono::seconds time) {
    return TextPtr(virDomainQemuAgentCommand(domain, command, static_cast<int>(time.count()), 0));
}

const char* command_for(PowerOrder order) {
    switch (order) {
        case PowerOrder::power_off:
            return R"({"execute":"guest-shutdown","arguments":{"mode":"powerdown"}})";
        case PowerOrder::reboot:
            return R"({"execute":"guest-shutdown","arguments":{"mode":"reboot"}})";
    }
    return "";
}

}  // namespace

bool agent_answers_ping(virDomainPtr domain, std::chrono::seconds time) {
    // This bounds the synchronisation that libvirt does before each command.
    virDomainAgentSetResponseTimeout(domain, static_cast<int>(time.count()), 0);
    return run(domain, R"({"execute":"guest-ping"})", time) != nullptr;
}

bool order_through_agent(virDomainPtr domain, PowerOrder order) {
    if (!agent_answers_ping(domain, time_to_answer)) return false;
    if (run(domain, command_for(order), time_to_refuse)) return true;
    if (last_libvirt_code() == VIR_ERR_AGENT_UNRESPONSIVE) return true;  // no refusal came
    // Either the agent refused, or it is gone because the guest goes down.
    return !agent_answers_ping(domain, time_to_answer);
}

}  // namespace kiln::hypervisor
