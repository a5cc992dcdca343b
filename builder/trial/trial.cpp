#include "builder/trial/trial.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "base/text.hpp"
#include "builder/steps/build.hpp"
#include "builder/trial/trial_tag.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/key_pair.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/security_group.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/volume.hpp"
#include "launcher/instances/key_material.hpp"
#include "launcher/launcher.hpp"

namespace kiln::builder {

namespace {

using images::Instance;
using images::InstanceState;

constexpr const char* key_name = "kiln-trial";  // as the guest is told
/// Those of EC2 that every image fits into, the smallest first that a full system does not starve
/// in.
constexpr const char* types_of_trials[] = {"t3.micro", "t2.micro", "t4g.micro", "m1.small"};

constexpr std::chrono::milliseconds between_looks{100};
constexpr std::chrono::seconds agent_patience{2};
/// Only then ssh is tried, which waits longer for a guest that is not there yet.
constexpr std::chrono::seconds time_for_agent{15};
constexpr std::chrono::seconds ssh_patience{60};
/// A guest that is emulated on a busy host.
constexpr std::chrono::minutes time_to_boot{20};
constexpr std::chrono::minutes time_to_change{10};  // from one state to the next
constexpr std::size_t most_console = 4000;

std::string type_for(const launcher::Launcher& launcher, const images::Image& image) {
    for (const char* name : types_of_trials) {
        const launcher::InstanceType* type = launcher.types().find(name);
        if (type == nullptr) continue;
        const auto has = [](const auto& list, auto value) {
            return std::ranges::find(list, value) != list.end();
        };
        if (has(type->architectures, image.architecture) &&
            has(type->virtualization_types, image.virtualization_type)) {
            return name;
        }
    }
    throw build_failed(fmt::format("there is no instance type to try an image of {} with",
                                   to_text(image.architecture)));
}

/// All its volumes go with it.
std::vector<launcher::BlockDeviceOverride> devices_of(const images::Image& image) {
    std::vector<launcher::BlockDeviceOverride> devices;
    for (const images::ImageBlockDevice& device : image.block_devices) {
        if (device.virtual_name.empty())
            devices.push_back({.device_name = device.device_name, .delete_on_termination = true});
    }
    return devices;
}

images::Tag tag_of(const OperationId& operation) {
    return {.key = trial_tag, .value = operation.str()};
}

}  // namespace

Trial::Trial(TrialTools tools, TrialSpec spec, const TrialLaunchOptions& options)
    : tools_(std::move(tools)),
      spec_(std::move(spec)),
      directory_(tools_.directory),
      login_user_(options.login_user) {
    Rollback rollback;
    rollback.add([this] { end(); });
    launch(options);
    wait_for(InstanceState::running, "start");
    rollback.commit();
}

Trial::~Trial() {
    try {
        end();
    } catch (const std::exception& error) {
        log::error("a trial of {} is left for the next start of the service: {}", spec_.image.str(),
                   error.what());
    }
}

void Trial::launch(const TrialLaunchOptions& options) {
    const auto image = tools_.database.read(
        [&](Session& session) { return images::find_image(session, spec_.image); });
    if (!image) throw build_failed(fmt::format("the image '{}' is gone", spec_.image.str()));
    const launcher::KeyMaterial key = launcher::generate_key(launcher::KeyType::ed25519, key_name);
    write_file_atomically(directory_.path() / "key", key.private_key, 0600);
    if (login_user_.empty()) login_user_ = image->login_user;
    std::string keys = key.public_key;
    if (!spec_.key_name.empty()) {
        const auto own = tools_.database.read([&](Session& session) {
            return images::get_key_pair(session, spec_.caller.scope(), spec_.key_name);
        });
        keys += (keys.ends_with('\n') ? "" : "\n") + own.public_key;
    }
    launcher::RunInstancesRequest request{
        .image = spec_.image,
        .instance_type = type_for(tools_.launcher, *image),
        .key_name = spec_.key_name.empty() ? key_name : spec_.key_name,
        .user_data = options.user_data.empty() ? "" : base64_encode(options.user_data),
        .block_devices = devices_of(*image),
        .system_tags = {tag_of(spec_.operation)},
        .trial = launcher::TrialLaunch{.public_key = keys}};
    const bool is_bridged = !tools_.launcher.bridging_obstacle(spec_.caller);
    if (options.is_asked_for_pages && is_bridged) request.security_groups = {open_group()};
    instance_ = tools_.launcher.run_instances(spec_.caller, request).instances.front().id;
}

/// One that lets the host, which is outside, reach every port.
SecurityGroupId Trial::open_group() {
    group_ = tools_.launcher.create_security_group(
        spec_.caller, {.name = "kiln-trial-" + spec_.operation.str() + "-" +
                               directory_.path().filename().string(),
                       .description = "of a trial of an image that is being built"});
    tools_.database.write([&](Session& session) {
        images::set_system_tags(session, spec_.caller.scope(), group_->str(),
                                {tag_of(spec_.operation)});
    });
    tools_.launcher.authorize_rules(
        spec_.caller,
        {.group = *group_,
         .rules = {{.protocol = "tcp", .from_port = 0, .to_port = 65535, .range = "0.0.0.0/0"}}});
    return *group_;
}

Instance Trial::now() const {
    auto instance = tools_.database.read(
        [&](Session& session) { return images::find_instance(session, *instance_); });
    if (instance) return *std::move(instance);
    throw build_failed(fmt::format("the instance '{}' is gone", instance_->str()));
}

void Trial::wait_for(InstanceState state, const std::string& what) const {
    const Patience patience(spec_.stop, time_to_change);
    while (true) {
        const Instance instance = now();
        if (instance.state == state) return;
        if (instance.state == InstanceState::terminated || patience.is_over()) {
            throw build_failed(fmt::format("the instance {} does not {}: {}", instance_->str(),
                                           what, instance.state_reason.message));
        }
        patience.wait(between_looks);
    }
}

GuestShell& Trial::shell() {
    const Patience patience(spec_.stop, time_to_boot);
    const Patience for_agent(spec_.stop, time_for_agent);
    while (!shell_) {
        if (now().state != InstanceState::running || patience.is_over()) throw unreachable();
        shell_ = try_agent();
        if (!shell_ && for_agent.is_over()) shell_ = try_ssh();
        if (!shell_) patience.wait(between_looks);
    }
    return *shell_;
}

/// nullptr when there is none, or one that may not run programs.
std::unique_ptr<GuestShell> Trial::try_agent() {
    hypervisor::Hypervisor& hypervisor = tools_.regions.get(spec_.caller.region).hypervisor;
    if (!hypervisor.agent_answers(instance_->str(), agent_patience)) return nullptr;
    try {
        auto shell = agent_shell(hypervisor, instance_->str());
        const ScriptResult result = shell->run(
            {.text = "true"}, [](std::string_view) {}, spec_.stop);
        return result.exit_status == 0 ? std::move(shell) : nullptr;
    } catch (const Error& error) {
        if (error.code() == "Canceled") throw;
        return nullptr;
    }
}

std::unique_ptr<GuestShell> Trial::try_ssh() {
    try {
        const launcher::InstanceConnection connection =
            tools_.launcher.instance_connection(spec_.caller, *instance_);
        auto shell = ssh_shell({.host = connection.host,
                                .port = connection.port,
                                .user = login_user_,
                                .private_key = directory_.path() / "key"});
        const ScriptResult result = shell->run(
            {.text = "true", .time_limit = ssh_patience}, [](std::string_view) {}, spec_.stop);
        return result.exit_status == 0 ? std::move(shell) : nullptr;
    } catch (const Error& error) {
        if (error.code() == "Canceled") throw;
        return nullptr;
    }
}

Error Trial::unreachable() const {
    std::string console = tools_.launcher.console_output(spec_.caller, *instance_);
    if (console.size() > most_console) console.erase(0, console.size() - most_console);
    return build_failed(fmt::format(
        "no script can be run in {}: neither its agent nor its ssh server answers. Its console: {}",
        instance_->str(), trim(console)));
}

Trial::Place Trial::place_of(std::uint16_t port) const {
    const auto interface = tools_.database.read(
        [&](Session& session) { return images::interface_of_instance(session, *instance_); });
    const bool is_bridged = interface && !tools_.launcher.bridging_obstacle(spec_.caller);
    if (is_bridged) return {.host = to_text(interface->address), .port = port};
    hypervisor::Hypervisor& hypervisor = tools_.regions.get(spec_.caller.region).hypervisor;
    return {.host = "127.0.0.1", .port = hypervisor.forward_port(instance_->str(), port)};
}

LayerId Trial::take_root_layer() {
    tools_.launcher.stop_instances(spec_.caller, {*instance_}, false);
    wait_for(InstanceState::stopped, "stop");
    const std::string root_device = now().root_device_name;
    LayerId layer = tools_.database.write([&](Session& session) {
        for (images::Volume& volume : images::volumes_of_instance(session, *instance_)) {
            if (volume.attachment->device_name != root_device || !volume.layer) continue;
            LayerId taken = *volume.layer;
            images::pin_layer(session, spec_.operation, volume.region, taken);
            images::set_layer_state(session, volume.region, taken, images::LayerState::frozen);
            volume.layer.reset();  // or it would go with the volume
            images::update_volume(session, volume, SystemClock().now());
            return taken;
        }
        throw build_failed(fmt::format("the instance {} has no root", instance_->str()));
    });
    tools_.regions.get(spec_.caller.region).pool.freeze(layer);
    return layer;
}

void Trial::keep() {
    tools_.database.write([&](Session& session) {
        images::delete_tag(session, spec_.caller.scope(), instance_->str(), trial_tag);
        if (group_) images::delete_tag(session, spec_.caller.scope(), group_->str(), trial_tag);
    });
    instance_.reset();
    group_.reset();
}

void Trial::end() {
    if (instance_) {
        tools_.launcher.terminate_instances(spec_.caller, {*instance_});
        const Patience patience({}, time_to_change);
        while (now().state != InstanceState::terminated && !patience.is_over())
            patience.wait(between_looks);
        instance_.reset();
    }
    if (group_) tools_.launcher.delete_security_group(spec_.caller, *group_);
    group_.reset();
}

}  // namespace kiln::builder
