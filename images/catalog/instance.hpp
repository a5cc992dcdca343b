#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

struct StateReason {
    std::string code;  // "Client.UserInitiatedShutdown", "Server.InternalError"; empty: no reason
    std::string message;
};

/// How an instance may ask for what it is told about itself.
struct MetadataOptions {
    bool enabled = true;
    bool tokens_required = false;
    int hop_limit = 1;
    bool has_tags = false;

    friend bool operator==(const MetadataOptions&, const MetadataOptions&) = default;
};

struct Instance {
    InstanceId id;
    AccountId owner;
    std::string region;
    std::string zone;
    ReservationId reservation;
    ImageId image;
    std::string instance_type;
    InstanceState state;
    StateReason state_reason;
    std::string state_transition_reason;  // "User initiated (2021-09-29 11:04:43 GMT)"
    Architecture architecture;
    VirtualizationType virtualization_type;
    BootMode boot_mode;
    std::string platform;
    std::string root_device_name;
    std::string kernel_id;
    std::string ramdisk_id;
    std::string login_user;
    std::string key_name;    // empty: none
    std::string public_key;  // as it was at launch, in OpenSSH form
    std::string user_data;   // base64, at most 16 KiB decoded
    ShutdownBehavior shutdown_behavior;
    bool disable_api_termination = false;
    int launch_index = 0;
    std::string client_token;
    std::string domain_uuid;
    std::string mac_address;
    Time launched;
    std::optional<Time> terminated;
    DeviceType root_device_type = DeviceType::ebs;  // its image's
    MetadataOptions metadata = {};
    std::string tpm_support = {};  // as its image's
    bool secure_boot = false;      // likewise
    std::string os_id = {};        // likewise
    std::string drivers = {};      // likewise
    /// The AMI id of somewhere else that stood for the image at the launch; else empty.
    std::string asked_image = {};
};

/// The id of its image that clients are told: that which they asked for.
std::string shown_image_id(const Instance& instance);

void insert_instance(Session& session, const Instance& instance);
/// The caller's instance. Throws Error{InvalidInstanceID.NotFound}:
/// "The instance ID 'i-…' does not exist".
Instance get_instance(Session& session, const Scope& scope, const InstanceId& id);
Error instance_not_found(const InstanceId& id);
std::optional<Instance> find_instance(Session& session, const InstanceId& id);
/// The caller's instances in the region, terminated ones only when terminated after
/// `terminated_since`.
std::vector<Instance> list_instances(Session& session, const Scope& scope, Time terminated_since);
/// Every instance of the catalog that is not terminated, whoever owns it.
std::vector<Instance> unfinished_instances(Session& session);
std::vector<Instance> instances_of_reservation(Session& session, const ReservationId& id);
/// Writes every column of the row anew, by id. What is charged for it changes now.
void update_instance(Session& session, const Instance& instance, Time now);
/// Removes rows of instances that were terminated before `time`, with their tags.
void forget_terminated_instances(Session& session, Time before);

}  // namespace kiln::images
