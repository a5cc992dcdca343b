#include "launcher/instances/launch_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/network/launch_network.hpp"

namespace kiln::launcher {

namespace {

constexpr const char* action = "RunInstances";

}  // namespace

std::string launch_digest(const RunInstancesRequest& request) {
    nlohmann::json devices = nlohmann::json::array();
    for (const BlockDeviceOverride& device : request.block_devices) {
        devices.push_back(
            {device.device_name, device.no_device, device.virtual_name,
             device.snapshot ? device.snapshot->str() : "",
             device.volume_size.value_or(Bytes{}).value, device.volume_type.value_or(""),
             device.delete_on_termination ? (*device.delete_on_termination ? 1 : 0) : -1,
             device.encryption.encrypted.value_or(false)});
    }
    nlohmann::json tags = nlohmann::json::array();
    for (const images::Tag& tag : request.instance_tags)
        tags.push_back({tag.key, tag.value});
    for (const images::Tag& tag : request.volume_tags)
        tags.push_back({"volume", tag.key, tag.value});
    for (const images::Tag& tag : request.interface_tags)
        tags.push_back({"network-interface", tag.key, tag.value});
    nlohmann::json all{
        request.image.str(),
        request.instance_type,
        request.min_count,
        request.max_count,
        request.key_name,
        request.user_data,
        request.zone,
        request.kernel_id,
        request.ramdisk_id,
        request.shutdown_behavior ? std::string(images::to_text(*request.shutdown_behavior)) : "",
        request.disable_api_termination,
        devices,
        tags};
    // Requests that were made before there were networks keep their digest.
    if (const std::string network = network_digest(request); !network.empty())
        all.push_back(network);
    return sha256_hex(all.dump());
}

std::optional<Reservation> earlier_reservation(Session& session, const images::Caller& caller,
                                               const std::string& token,
                                               const std::string& digest) {
    if (token.empty()) return std::nullopt;
    const auto earlier = images::find_client_token(session, caller.scope(), action, token, digest);
    if (!earlier) return std::nullopt;
    const ReservationId id(earlier->resource_id);
    auto instances = images::instances_of_reservation(session, id);
    if (std::ranges::all_of(instances, [](const images::Instance& instance) {
            return instance.state == images::InstanceState::terminated;
        })) {
        throw Error("IdempotentInstanceTerminated", token,
                    fmt::format("The client token '{}' launched instances that are terminated: "
                                "launch others with another token",
                                token));
    }
    return Reservation{.id = id, .owner = caller.account, .instances = std::move(instances)};
}

void remember_reservation(Session& session, const images::Caller& caller,
                          const RunInstancesRequest& request, const std::string& digest,
                          const ReservationId& id, Time now) {
    if (request.client_token.empty()) return;
    images::insert_client_token(session, caller.scope(),
                                {.action = action,
                                 .token = request.client_token,
                                 .parameters_digest = digest,
                                 .resource_id = id.str(),
                                 .created = now});
}

}  // namespace kiln::launcher
