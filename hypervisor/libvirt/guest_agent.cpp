#include "hypervisor/libvirt/guest_agent.hpp"

#include <fmt/format.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/text.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

namespace kiln::hypervisor {

namespace {

/// For an agent that said before that it is there.
constexpr std::chrono::seconds time_to_answer{2};
/// How long to wait for a refusal of an order.
constexpr std::chrono::seconds time_to_refuse{1};
constexpr std::chrono::milliseconds time_between_looks{50};

TextPtr run(virDomainPtr domain, const char* command, std::chrono::seconds time) {
    return TextPtr(virDomainQemuAgentCommand(domain, command, static_cast<int>(time.count()), 0));
}

/// That which libvirt does before each command.
void bound_synchronisation(virDomainPtr domain, std::chrono::seconds time) {
    virDomainAgentSetResponseTimeout(domain, static_cast<int>(time.count()), 0);
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

/// What the agent answers to a command: the value of "return"; nullopt when it takes long to.
std::optional<nlohmann::json> ask(virDomainPtr domain, const nlohmann::json& command,
                                  std::chrono::seconds time = time_to_answer) {
    const TextPtr answer = run(domain, command.dump().c_str(), time);
    if (answer) return nlohmann::json::parse(answer.get()).at("return");
    if (last_libvirt_code() == VIR_ERR_AGENT_UNRESPONSIVE) return std::nullopt;
    const std::string name = virDomainGetName(domain);
    throw last_libvirt_error(fmt::format("ask the agent of '{}'", name), name);
}

Error too_slow(const std::string& name, const GuestProgram& program) {
    return {error_code::internal_error, name,
            fmt::format("'{}' in '{}' has not ended within {} s", program.arguments.at(0), name,
                        program.time_limit.count())};
}

std::string decoded(const nlohmann::json& status, const char* field) {
    return base64_decode(status.value(field, "")).value_or("");
}

}  // namespace

GuestProgramResult run_through_agent(virDomainPtr domain, const GuestProgram& program) {
    const std::string name = virDomainGetName(domain);
    nlohmann::json arguments{
        {"path", program.arguments.at(0)},
        {"arg", std::vector(program.arguments.begin() + 1, program.arguments.end())},
        {"capture-output", true}};
    if (!program.standard_input.empty())
        arguments["input-data"] = base64_encode(program.standard_input);
    const auto deadline = std::chrono::steady_clock::now() + program.time_limit;
    try {
        // Nobody knows of an order without an answer whether it is carried out, so that it is given
        // once, to an agent that is there.
        bound_synchronisation(domain, time_to_answer);
        while (!ask(domain, {{"execute", "guest-ping"}})) {
            if (std::chrono::steady_clock::now() > deadline) throw too_slow(name, program);
            std::this_thread::sleep_for(time_between_looks);
        }
        const auto started = ask(domain, {{"execute", "guest-exec"}, {"arguments", arguments}},
                                 std::max(time_to_answer, program.time_limit / 2));
        if (!started) throw too_slow(name, program);
        while (std::chrono::steady_clock::now() < deadline) {
            const auto status =
                ask(domain, {{"execute", "guest-exec-status"}, {"arguments", *started}});
            if (status && status->at("exited").get<bool>()) {
                return {.exit_status = status->value("exitcode", -1),
                        .output = decoded(*status, "out-data") + decoded(*status, "err-data")};
            }
            std::this_thread::sleep_for(time_between_looks);
        }
    } catch (const nlohmann::json::exception& error) {
        throw Error(error_code::internal_error, name,
                    fmt::format("the agent of '{}' answers strangely: {}", name, error.what()));
    }
    throw too_slow(name, program);
}

bool agent_answers_ping(virDomainPtr domain, std::chrono::seconds time) {
    bound_synchronisation(domain, time);
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
