#include "images/catalog/instance.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"
#include "images/catalog/usage.hpp"

namespace kiln::images {

namespace {

struct InstanceTable {
    static constexpr const char* name = "instances";
    static Instance blank() {
        return {.id = placeholder_id<InstanceId>(),
                .owner = placeholder_account(),
                .reservation = placeholder_id<ReservationId>(),
                .image = placeholder_id<ImageId>()};
    }
    static void columns(auto& column, auto& instance) {
        column("instance_id", instance.id);
        column("owner", instance.owner);
        column("region", instance.region);
        column("zone", instance.zone);
        column("reservation_id", instance.reservation);
        column("image_id", instance.image);
        column("instance_type", instance.instance_type);
        column("state", instance.state);
        column("state_reason_code", instance.state_reason.code);
        column("state_reason_message", instance.state_reason.message);
        column("state_transition_reason", instance.state_transition_reason);
        column("architecture", instance.architecture);
        column("virtualization_type", instance.virtualization_type);
        column("boot_mode", instance.boot_mode);
        column("platform", instance.platform);
        column("root_device_name", instance.root_device_name);
        column("kernel_id", instance.kernel_id);
        column("ramdisk_id", instance.ramdisk_id);
        column("login_user", instance.login_user);
        column("key_name", instance.key_name);
        column("public_key", instance.public_key);
        column("user_data", instance.user_data);
        column("shutdown_behavior", instance.shutdown_behavior);
        column("disable_api_termination", instance.disable_api_termination);
        column("launch_index", instance.launch_index);
        column("client_token", instance.client_token);
        column("domain_uuid", instance.domain_uuid);
        column("mac_address", instance.mac_address);
        column("launched", instance.launched);
        column("terminated", instance.terminated);
        column("root_device_type", instance.root_device_type);
        column("metadata_enabled", instance.metadata.enabled);
        column("metadata_tokens_required", instance.metadata.tokens_required);
        column("metadata_hop_limit", instance.metadata.hop_limit);
        column("metadata_tags", instance.metadata.has_tags);
        column("tpm_support", instance.tpm_support);
        column("secure_boot", instance.secure_boot);
        column("os_id", instance.os_id);
        column("drivers", instance.drivers);
        column("asked_image_id", instance.asked_image);
    }
};

/// As EC2 does: only a running instance is charged.
void meter(Session& session, const Instance& instance, Time now) {
    if (instance.state != InstanceState::running) {
        meter_end(session, instance.id.str(), now);
        return;
    }
    const Usage usage{.owner = instance.owner,
                      .region = instance.region,
                      .resource_id = instance.id.str(),
                      .kind = UsageKind::instance,
                      .type = instance.instance_type};
    meter_start(session, usage, now);
    meter_products(session, usage, now);
}

}  // namespace

std::string shown_image_id(const Instance& instance) {
    return instance.asked_image.empty() ? instance.image.str() : instance.asked_image;
}

void insert_instance(Session& session, const Instance& instance) {
    insert_row<InstanceTable>(session, instance);
    meter(session, instance, instance.launched);
}

Instance get_instance(Session& session, const Scope& scope, const InstanceId& id) {
    const auto instance = find_instance(session, id);
    if (instance && instance->owner == scope.owner && instance->region == scope.region) {
        return *instance;
    }
    throw instance_not_found(id);
}

Error instance_not_found(const InstanceId& id) {
    return {"InvalidInstanceID.NotFound", id.str(),
            fmt::format("The instance ID '{}' does not exist", id.str())};
}

std::optional<Instance> find_instance(Session& session, const InstanceId& id) {
    return select_row<InstanceTable>(session, "where instance_id = :id", {{"id", id.str()}});
}

std::vector<Instance> list_instances(Session& session, const Scope& scope, Time terminated_since) {
    return select_rows<InstanceTable>(session,
                                      "where owner = :owner and region = :region"
                                      " and (state <> 'terminated' or terminated > :since)"
                                      " order by launched, reservation_id, launch_index",
                                      {{"owner", scope.owner.str()},
                                       {"region", scope.region},
                                       {"since", to_epoch_ms(terminated_since)}});
}

std::vector<Instance> unfinished_instances(Session& session) {
    return select_rows<InstanceTable>(
        session, "where state <> 'terminated' order by launched, reservation_id, launch_index");
}

std::vector<Instance> instances_of_reservation(Session& session, const ReservationId& id) {
    return select_rows<InstanceTable>(session, "where reservation_id = :id order by launch_index",
                                      {{"id", id.str()}});
}

void update_instance(Session& session, const Instance& instance, Time now) {
    update_row<InstanceTable>(session, instance);
    meter(session, instance, now);
}

void forget_terminated_instances(Session& session, Time before) {
    const std::vector<SqlParameter> parameters{{"before", to_epoch_ms(before)}};
    constexpr std::string_view instances =
        "select instance_id from instances where state = 'terminated' and terminated < :before";
    // Rows of deleted volumes stay for the sake of their instance.
    const std::string volumes = fmt::format(
        "select volume_id from volumes where state = 'deleted'"
        " and (instance_id is null or instance_id in ({}))",
        instances);
    run_sql(session,
            fmt::format("delete from tags where resource_id in ({}) or resource_id in ({})",
                        instances, volumes),
            parameters);
    run_sql(session, fmt::format("delete from volumes where volume_id in ({})", volumes),
            parameters);
    run_sql(session,
            "delete from instances where state = 'terminated' and terminated < :before"
            " and not exists (select 1 from volumes"
            "                 where volumes.instance_id = instances.instance_id)",
            parameters);
    run_sql(session,
            "delete from client_tokens where created < :before and"
            " (resource_id like 'r-%'"
            "   and resource_id not in (select reservation_id from instances)"
            " or resource_id like 'lt-%'"
            " or resource_id like 'vol-%'"
            "   and resource_id not in (select volume_id from volumes where state <> 'deleted'))",
            parameters);
}

}  // namespace kiln::images
