#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/catalog/network_interface.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/guest_firmware.hpp"
#include "launcher/instances/password_data.hpp"

namespace kiln::launcher {

namespace {

using images::Instance;
using images::InstanceState;

constexpr Bytes console_output_limit{65536};
constexpr Bytes console_log_limit = Bytes::mebibytes(2);  // of each part
constexpr std::uint16_t ssh_port = 22;

Instance get_running_instance(Database& database, const images::Caller& caller,
                              const InstanceId& id) {
    Instance instance = database.read(
        [&](Session& session) { return images::get_instance(session, caller.scope(), id); });
    caller.stop_if_dry_run();
    if (instance.state == InstanceState::running) return instance;
    throw Error(
        error_code::incorrect_instance_state, id.str(),
        fmt::format(
            "The instance '{}' is not running: it is {}.{}", id.str(),
            images::to_text(instance.state),
            instance.state == InstanceState::stopped
                ? fmt::format(" `kiln start-instances --instance-ids {}` starts it.", id.str())
                : ""));
}

}  // namespace

std::string Launcher::console_output(const images::Caller& caller, const InstanceId& id) {
    implementation_->database().read(
        [&](Session& session) { images::get_instance(session, caller.scope(), id); });
    caller.stop_if_dry_run();
    return read_file_tail(implementation_->files().console_log(id), console_output_limit);
}

std::string Launcher::password_data(const images::Caller& caller, const InstanceId& id) {
    implementation_->database().read(
        [&](Session& session) { images::get_instance(session, caller.scope(), id); });
    caller.stop_if_dry_run();
    const std::filesystem::path log = implementation_->files().console_log(id);
    // libvirt keeps older parts of it beside it, the oldest with the highest number.
    std::string text;
    for (const char* older : {".2", ".1", ".0", ""})
        text += read_file_tail(log.string() + older, console_log_limit);
    return password_data_in(text);
}

std::string Launcher::instance_uefi_data(const images::Caller& caller, const InstanceId& id) {
    const Instance instance = implementation_->database().read(
        [&](Session& session) { return images::get_instance(session, caller.scope(), id); });
    caller.stop_if_dry_run();
    std::string data = read_uefi_data(instance, implementation_->files());
    if (!data.empty()) return data;
    throw Error(error_code::unsupported_operation, id.str(),
                fmt::format("The instance '{}' has no UEFI variables: {}.", id.str(),
                            boots_uefi(instance) ? "it has not been started yet"
                                                 : "it boots through BIOS"));
}

hypervisor::Screenshot Launcher::console_screenshot(const images::Caller& caller,
                                                    const InstanceId& id) {
    get_running_instance(implementation_->database(), caller, id);
    return implementation_->region_of(caller).hypervisor.screenshot(id.str());
}

std::unique_ptr<hypervisor::Console> Launcher::open_console(
    const images::Caller& caller, const InstanceId& id, hypervisor::ConsoleCallbacks callbacks) {
    get_running_instance(implementation_->database(), caller, id);
    return implementation_->region_of(caller).hypervisor.open_console(id.str(),
                                                                      std::move(callbacks));
}

InstanceConnection Launcher::instance_connection(const images::Caller& caller,
                                                 const InstanceId& id) {
    Implementation& use = *implementation_;
    const Instance instance = get_running_instance(use.database(), caller, id);
    const Region& region = use.region_of(caller);
    const auto interface = use.database().read(
        [&](Session& session) { return images::interface_of_instance(session, id); });
    const bool is_bridged = interface && !use.networks().obstacle(region);
    return {.host = is_bridged ? to_text(interface->address) : "127.0.0.1",
            .port = is_bridged ? ssh_port : region.hypervisor.forward_port(id.str(), ssh_port),
            .user = instance.login_user,
            .key_name = instance.key_name};
}

}  // namespace kiln::launcher
