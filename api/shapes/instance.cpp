#include "api/shapes/instance.hpp"

#include <unordered_map>

#include "api/shapes/common.hpp"
#include "images/market/product_code.hpp"
#include "launcher/instances/guest_firmware.hpp"
#include "launcher/network/network_plan.hpp"

namespace kiln::api {

namespace {

using images::Instance;
using images::InstanceState;
using images::Volume;

const Structure<Volume>& instance_volume_structure() {
    static const auto ebs =
        Structure<Volume>()
            .text("AttachTime", "attachTime",
                  [](const Volume& v) { return format_time(v.attachment->attached); })
            .boolean("DeleteOnTermination", "deleteOnTermination",
                     [](const Volume& v) { return v.attachment->delete_on_termination; })
            .text("Status", "status",
                  [](const Volume& v) { return std::string(to_text(v.attachment->state)); })
            .text("VolumeId", "volumeId", [](const Volume& v) { return v.id.str(); });
    static const auto structure =
        Structure<Volume>()
            .text("DeviceName", "deviceName",
                  [](const Volume& v) { return v.attachment->device_name; })
            .structure("Ebs", "ebs", ebs, [](const Volume& v) { return v; });
    return structure;
}

const Structure<Instance>& placement_structure() {
    static const auto structure =
        Structure<Instance>()
            .text("AvailabilityZone", "availabilityZone", [](const Instance& i) { return i.zone; })
            .text("GroupName", "groupName", [](const Instance&) { return std::string(); })
            .text("Tenancy", "tenancy", [](const Instance&) { return std::string("default"); });
    return structure;
}

const Structure<Instance>& monitoring_structure() {
    static const auto structure = Structure<Instance>().text(
        "State", "state", [](const Instance&) { return std::string("disabled"); });
    return structure;
}

using View = InstanceView;

void add_launch(Structure<View>& s) {
    s.text("InstanceId", "instanceId", [](const View& v) { return v.instance.id.str(); })
        .text("ImageId", "imageId",
              [](const View& v) { return images::shown_image_id(v.instance); })
        .structure("State", "instanceState", instance_state_structure(),
                   [](const View& v) { return v.instance.state; })
        .text("PrivateDnsName", "privateDnsName",
              [](const View& v) {
                  return v.interface ? launcher::private_dns_name(v.interface->interface) : "";
              })
        .text("PublicDnsName", "dnsName", [](const View&) { return std::string(); })
        .text("StateTransitionReason", "reason",
              [](const View& v) { return v.instance.state_transition_reason; })
        .text("KeyName", "keyName", [](const View& v) { return if_any(v.instance.key_name); })
        .list(
            "ProductCodes", "productCodes", product_code_structure(),
            [](const View& v) -> const auto& { return v.product_codes; })
        .integer("AmiLaunchIndex", "amiLaunchIndex",
                 [](const View& v) { return v.instance.launch_index; })
        .text("InstanceType", "instanceType",
              [](const View& v) { return v.instance.instance_type; })
        .text("LaunchTime", "launchTime",
              [](const View& v) { return format_time(v.instance.launched); })
        .structure("Placement", "placement", placement_structure(),
                   [](const View& v) { return v.instance; })
        .text("KernelId", "kernelId", [](const View& v) { return if_any(v.instance.kernel_id); })
        .text("RamdiskId", "ramdiskId", [](const View& v) { return if_any(v.instance.ramdisk_id); })
        .text("Platform", "platform", [](const View& v) { return if_any(v.instance.platform); })
        .text("PlatformDetails", "platformDetails",
              [](const View& v) { return platform_details(v.instance.platform); })
        .text("UsageOperation", "usageOperation",
              [](const View& v) { return usage_operation(v.instance.platform); })
        .structure("Monitoring", "monitoring", monitoring_structure(),
                   [](const View& v) { return v.instance; })
        .structure("StateReason", "stateReason", state_reason_structure(),
                   [](const View& v) { return state_reason_of(v.instance.state_reason); });
}

void add_network(Structure<View>& s) {
    s.text("PrivateIpAddress", "privateIpAddress",
           [](const View& v) -> std::optional<std::string> {
               if (!v.interface) return std::nullopt;
               return to_text(v.interface->interface.address);
           })
        .text("PublicIpAddress", "ipAddress",
              [](const View& v) {
                  return v.interface ? v.interface->public_address() : std::nullopt;
              })
        .text("SubnetId", "subnetId",
              [](const View& v) -> std::optional<std::string> {
                  if (!v.interface) return std::nullopt;
                  return v.interface->interface.subnet.str();
              })
        .text("VpcId", "vpcId",
              [](const View& v) -> std::optional<std::string> {
                  if (!v.interface) return std::nullopt;
                  return v.interface->vpc.str();
              })
        .list("SecurityGroups", "groupSet", group_name_structure(),
              [](const View& v) {
                  return v.interface ? v.interface->groups : std::vector<GroupName>();
              })
        .list("NetworkInterfaces", "networkInterfaceSet", instance_interface_structure(),
              [](const View& v) {
                  return v.interface ? std::vector<InterfaceView>{*v.interface}
                                     : std::vector<InterfaceView>();
              })
        .structure("MetadataOptions", "metadataOptions", metadata_options_structure(),
                   [](const View& v) { return v.instance.metadata; });
}

void add_machine(Structure<View>& s) {
    s.text("Architecture", "architecture",
           [](const View& v) { return std::string(to_text(v.instance.architecture)); })
        .text("RootDeviceType", "rootDeviceType",
              [](const View& v) { return std::string(to_text(v.instance.root_device_type)); })
        .text("RootDeviceName", "rootDeviceName",
              [](const View& v) { return v.instance.root_device_name; })
        .list(
            "BlockDeviceMappings", "blockDeviceMapping", instance_volume_structure(),
            [](const View& v) -> const auto& { return v.volumes; })
        .text("VirtualizationType", "virtualizationType",
              [](const View& v) { return std::string(to_text(v.instance.virtualization_type)); })
        .text("ClientToken", "clientToken", [](const View& v) { return v.instance.client_token; })
        .list(
            "Tags", "tagSet", tag_structure(), [](const View& v) -> const auto& { return v.tags; })
        .text("Hypervisor", "hypervisor", [](const View&) { return std::string("xen"); })
        .boolean("EbsOptimized", "ebsOptimized", [](const View&) { return false; })
        .text("BootMode", "bootMode",
              [](const View& v) { return std::string(to_text(v.instance.boot_mode)); })
        .text("CurrentInstanceBootMode", "currentInstanceBootMode",
              [](const View& v) {
                  return std::string(launcher::boots_uefi(v.instance) ? "uefi" : "legacy-bios");
              })
        .text("TpmSupport", "tpmSupport", [](const View& v) -> std::optional<std::string> {
            if (v.instance.tpm_support.empty()) return std::nullopt;
            return v.instance.tpm_support;
        });
}

Structure<View> make_instance_structure() {
    Structure<View> structure;
    add_launch(structure);
    add_network(structure);
    add_machine(structure);
    return structure;
}

}  // namespace

const Structure<InstanceState>& instance_state_structure() {
    static const auto structure =
        Structure<InstanceState>()
            .integer("Code", "code",
                     [](const InstanceState& state) { return images::state_code(state); })
            .text("Name", "name",
                  [](const InstanceState& state) { return std::string(to_text(state)); });
    return structure;
}

const Structure<InstanceView>& instance_structure() {
    static const Structure<InstanceView> structure = make_instance_structure();
    return structure;
}

const Structure<ReservationView>& reservation_structure() {
    using Reservation = ReservationView;
    static const auto structure =
        Structure<Reservation>()
            .text("ReservationId", "reservationId", [](const Reservation& r) { return r.id.str(); })
            .text("OwnerId", "ownerId", [](const Reservation& r) { return r.owner.str(); })
            .list(
                "Instances", "instancesSet", instance_structure(),
                [](const Reservation& r) -> const auto& { return r.instances; });
    return structure;
}

Structure<StateChangesView> state_changes_structure(const std::string& name) {
    using Change = launcher::InstanceStateChange;
    static const auto change =
        Structure<Change>()
            .text("InstanceId", "instanceId", [](const Change& c) { return c.instance.str(); })
            .structure("CurrentState", "currentState", instance_state_structure(),
                       [](const Change& c) { return c.current; })
            .structure("PreviousState", "previousState", instance_state_structure(),
                       [](const Change& c) { return c.previous; });
    return Structure<StateChangesView>().list(
        name, "instancesSet", change,
        [](const StateChangesView& v) -> const auto& { return v.changes; });
}

std::vector<InstanceView> load_instance_views(Session& session, const images::Scope& scope,
                                              Time now) {
    std::unordered_map<std::string, std::vector<Volume>> volumes;
    for (Volume& volume : images::attached_volumes(session, scope)) {
        volumes[volume.attachment->instance.str()].push_back(std::move(volume));
    }
    const images::TagsByResource tags = images::tags_by_resource(session, scope);
    const auto interfaces = load_interface_views(session, scope);
    const images::ProductCodes codes = images::instance_product_codes(session, scope);
    std::vector<InstanceView> views;
    for (Instance& instance :
         images::list_instances(session, scope, now - terminated_instances_are_shown)) {
        InstanceView view{.instance = std::move(instance)};
        const std::string& id = view.instance.id.str();
        const auto own_volumes = volumes.find(id);
        if (own_volumes != volumes.end()) view.volumes = std::move(own_volumes->second);
        const auto own_tags = tags.find(id);
        if (own_tags != tags.end()) view.tags = own_tags->second;
        view.product_codes = images::product_codes_of(codes, id);
        const auto own_interface = interfaces.find(view.instance.id);
        if (own_interface != interfaces.end()) view.interface = own_interface->second;
        views.push_back(std::move(view));
    }
    return views;
}

std::optional<images::ShutdownBehavior> behavior_of(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return images::parse_shutdown_behavior(*text);
}

}  // namespace kiln::api
