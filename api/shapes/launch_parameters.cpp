#include "api/shapes/launch_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "api/shapes/launch_options.hpp"
#include "api/shapes/network_interface.hpp"
#include "images/catalog/image_alias.hpp"

namespace kiln::api {

namespace {

using launcher::BlockDeviceOverride;
using launcher::LaunchInterface;
using launcher::LaunchParameters;
using launcher::MetadataOptionsChange;
using launcher::TagSpecification;

std::vector<Parameter> network_interface_parameters() {
    return {{.name = "DeviceIndex", .wire = "DeviceIndex", .shape = Shape::integer, .help = "0"},
            {.name = "NetworkCardIndex",
             .wire = "NetworkCardIndex",
             .shape = Shape::integer,
             .help = "0"},
            {.name = "SubnetId", .wire = "SubnetId", .help = "Subnet"},
            {.name = "PrivateIpAddress", .wire = "PrivateIpAddress", .help = "Address"},
            {.name = "Groups", .wire = "SecurityGroupId", .list = true, .help = "Security groups"},
            {.name = "Description", .wire = "Description", .help = "Not kept"},
            {.name = "AssociatePublicIpAddress",
             .wire = "AssociatePublicIpAddress",
             .shape = Shape::boolean,
             .help = "No instance gets a public address at its launch"},
            {
                .name = "DeleteOnTermination",
                .wire = "DeleteOnTermination",
                .shape = Shape::boolean,
                .help = "It always is",
            }};
}

Parameter placement_parameter() {
    return {.name = "Placement",
            .wire = "Placement",
            .shape = Shape::structure,
            .help = "Where to launch",
            .members = {{.name = "AvailabilityZone",
                         .wire = "AvailabilityZone",
                         .help = "Default: the region's first"},
                        {.name = "Tenancy",
                         .wire = "Tenancy",
                         .help = "Only default",
                         .choices = {"default"}}}};
}

std::vector<Parameter> network_parameters() {
    return {{.name = "SecurityGroupIds",
             .wire = "SecurityGroupId",
             .list = true,
             .help = "Security groups; default: the one named default"},
            {.name = "SecurityGroups",
             .wire = "SecurityGroup",
             .list = true,
             .help = "Security groups, by their names"},
            {.name = "NetworkInterfaces",
             .wire = "NetworkInterface",
             .shape = Shape::structure,
             .list = true,
             .help = "The network interface: its subnet, address and security groups",
             .members = network_interface_parameters()},
            {.name = "MetadataOptions",
             .wire = "MetadataOptions",
             .shape = Shape::structure,
             .help = "How the instance may ask for its metadata",
             .members = metadata_options_parameters()}};
}

template <class SomeId>
std::optional<SomeId> id_of(const Arguments& arguments, std::string_view wire) {
    const auto text = arguments.text(wire);
    if (!text) return std::nullopt;
    return SomeId(*text);
}

/// An id, or the alias of a launch template's.
std::optional<std::string> image_of(const Arguments& arguments) {
    auto text = arguments.text("ImageId");
    if (text && !images::alias_name(*text)) return ImageId(*text).str();
    return text;
}

LaunchInterface interface_of(const Arguments& interface) {
    LaunchInterface read{.subnet = id_of<SubnetId>(interface, "SubnetId"),
                         .private_address = interface.text("PrivateIpAddress"),
                         .groups = ids_of<SecurityGroupId>(interface, "SecurityGroupId"),
                         .description = interface.text("Description"),
                         .associate_public_address = interface.boolean("AssociatePublicIpAddress"),
                         .delete_on_termination = interface.boolean("DeleteOnTermination")};
    constexpr std::int64_t beyond_all_limits = 1'000;
    if (const auto index = interface.integer("DeviceIndex"))
        read.device_index =
            static_cast<int>(std::clamp<std::int64_t>(*index, -1, beyond_all_limits));
    if (interface.integer("NetworkCardIndex").value_or(0) != 0) {
        throw Error(error_code::unsupported_operation, "NetworkCardIndex",
                    "instances have one network card, with NetworkCardIndex 0");
    }
    return read;
}

std::vector<TagSpecification> tags_of(const Arguments& arguments) {
    const std::vector<std::string> taggable{"instance", "volume", "network-interface"};
    std::vector<TagSpecification> tags;
    for (const std::string& type : taggable) {
        TagSpecification specification{.resource_type = type,
                                       .tags = tags_for(arguments, type, taggable)};
        if (!specification.tags.empty()) tags.push_back(std::move(specification));
    }
    return tags;
}

void read_ineffective(const Arguments& arguments, LaunchParameters& parameters) {
    parameters.ebs_optimized = arguments.boolean("EbsOptimized");
    parameters.monitoring = arguments.structure("Monitoring").boolean("Enabled");
    parameters.enclaves = arguments.structure("EnclaveOptions").boolean("Enabled");
    parameters.hibernation = arguments.structure("HibernationOptions").boolean("Configured");
    parameters.cpu_credits = arguments.structure("CreditSpecification").text("CpuCredits");
    parameters.metadata_ipv6 = arguments.structure("MetadataOptions").text("HttpProtocolIpv6");
}

const Structure<BlockDeviceOverride>& block_device_structure() {
    using Device = BlockDeviceOverride;
    static const auto ebs =
        Structure<Device>()
            .boolean("Encrypted", "encrypted",
                     [](const Device& d) { return d.encryption.encrypted; })
            .boolean("DeleteOnTermination", "deleteOnTermination",
                     [](const Device& d) { return d.delete_on_termination; })
            .text("KmsKeyId", "kmsKeyId",
                  [](const Device& d) { return if_any(d.encryption.kms_key_id); })
            .text("SnapshotId", "snapshotId",
                  [](const Device& d) {
                      return d.snapshot ? if_any(d.snapshot->str()) : std::nullopt;
                  })
            .integer("VolumeSize", "volumeSize",
                     [](const Device& d) -> std::optional<std::int64_t> {
                         if (!d.volume_size) return std::nullopt;
                         return static_cast<std::int64_t>(d.volume_size->in_gibibytes());
                     })
            .text("VolumeType", "volumeType", [](const Device& d) { return d.volume_type; })
            .integer("Iops", "iops", [](const Device& d) { return d.iops; })
            .integer("Throughput", "throughput", [](const Device& d) { return d.throughput; });
    static const auto structure =
        Structure<Device>()
            .text("DeviceName", "deviceName", [](const Device& d) { return d.device_name; })
            .text("VirtualName", "virtualName",
                  [](const Device& d) { return if_any(d.virtual_name); })
            .structure("Ebs", "ebs", ebs,
                       [](const Device& d) -> std::optional<Device> {
                           if (d.no_device || !d.virtual_name.empty()) return std::nullopt;
                           return d;
                       })
            .text("NoDevice", "noDevice", [](const Device& d) -> std::optional<std::string> {
                if (!d.no_device) return std::nullopt;
                return "";
            });
    return structure;
}

template <class SomeId>
std::vector<std::string> texts_of(const std::vector<SomeId>& ids) {
    std::vector<std::string> texts;
    texts.reserve(ids.size());
    for (const SomeId& id : ids)
        texts.push_back(id.str());
    return texts;
}

const Structure<LaunchInterface>& interface_structure() {
    using Interface = LaunchInterface;
    static const auto structure =
        Structure<Interface>()
            .boolean("AssociatePublicIpAddress", "associatePublicIpAddress",
                     [](const Interface& i) { return i.associate_public_address; })
            .boolean("DeleteOnTermination", "deleteOnTermination",
                     [](const Interface& i) { return i.delete_on_termination; })
            .text("Description", "description", [](const Interface& i) { return i.description; })
            .integer("DeviceIndex", "deviceIndex",
                     [](const Interface& i) { return std::optional<std::int64_t>(i.device_index); })
            .text_list(
                "Groups", "groupSet", [](const Interface& i) { return texts_of(i.groups); },
                "groupId")
            .text("PrivateIpAddress", "privateIpAddress",
                  [](const Interface& i) { return i.private_address; })
            .text("SubnetId", "subnetId", [](const Interface& i) {
                return i.subnet ? if_any(i.subnet->str()) : std::nullopt;
            });
    return structure;
}

const Structure<LaunchParameters>& metadata_structure() {
    using Said = LaunchParameters;
    const auto word = [](const std::optional<bool>& flag, const char* yes,
                         const char* no) -> std::optional<std::string> {
        if (!flag) return std::nullopt;
        return *flag ? yes : no;
    };
    static const auto structure =
        Structure<Said>()
            .text("HttpTokens", "httpTokens",
                  [word](const Said& p) {
                      return word(p.metadata.tokens_required, "required", "optional");
                  })
            .integer(
                "HttpPutResponseHopLimit", "httpPutResponseHopLimit",
                [](const Said& p) { return std::optional<std::int64_t>(p.metadata.hop_limit); })
            .text("HttpEndpoint", "httpEndpoint",
                  [word](const Said& p) { return word(p.metadata.enabled, "enabled", "disabled"); })
            .text(
                "InstanceMetadataTags", "instanceMetadataTags",
                [word](const Said& p) { return word(p.metadata.has_tags, "enabled", "disabled"); })
            .text("HttpProtocolIpv6", "httpProtocolIpv6",
                  [](const Said& p) { return p.metadata_ipv6; });
    return structure;
}

const Structure<LaunchParameters>& placement_structure() {
    static const auto structure =
        Structure<LaunchParameters>()
            .text("AvailabilityZone", "availabilityZone",
                  [](const LaunchParameters& p) { return p.zone; })
            .text("Tenancy", "tenancy", [](const LaunchParameters& p) { return p.tenancy; });
    return structure;
}

const Structure<TagSpecification>& tag_specification_structure() {
    static const auto structure =
        Structure<TagSpecification>()
            .text("ResourceType", "resourceType",
                  [](const TagSpecification& t) { return t.resource_type; })
            .list(
                "Tags", "tagSet", tag_structure(),
                [](const TagSpecification& t) -> const auto& { return t.tags; });
    return structure;
}

/// {name: flag} of a structure that has nothing else.
void add_flag(Structure<LaunchParameters>& s, const char* name, const char* wire,
              const Structure<bool>& part, std::optional<bool> LaunchParameters::*flag) {
    s.structure(name, wire, part, [flag](const LaunchParameters& p) { return p.*flag; });
}

void add_options(Structure<LaunchParameters>& s) {
    static const auto enabled =
        Structure<bool>().boolean("Enabled", "enabled", [](bool flag) { return flag; });
    static const auto configured =
        Structure<bool>().boolean("Configured", "configured", [](bool flag) { return flag; });
    static const auto credits = Structure<std::string>().text(
        "CpuCredits", "cpuCredits", [](const std::string& word) { return word; });
    s.boolean("EbsOptimized", "ebsOptimized",
              [](const LaunchParameters& p) { return p.ebs_optimized; });
    add_flag(s, "Monitoring", "monitoring", enabled, &LaunchParameters::monitoring);
    add_flag(s, "EnclaveOptions", "enclaveOptions", enabled, &LaunchParameters::enclaves);
    add_flag(s, "HibernationOptions", "hibernationOptions", configured,
             &LaunchParameters::hibernation);
    s.structure("CreditSpecification", "creditSpecification", credits,
                [](const LaunchParameters& p) { return p.cpu_credits; });
}

void add_network(Structure<LaunchParameters>& s) {
    s.list(
         "NetworkInterfaces", "networkInterfaceSet", interface_structure(),
         [](const LaunchParameters& p) -> const auto& { return p.interfaces; })
        .text_list("SecurityGroupIds", "securityGroupIdSet",
                   [](const LaunchParameters& p) { return texts_of(p.security_groups); })
        .text_list("SecurityGroups", "securityGroupSet",
                   [](const LaunchParameters& p) { return p.security_group_names; })
        .structure("MetadataOptions", "metadataOptions", metadata_structure(),
                   [](const LaunchParameters& p) -> std::optional<LaunchParameters> {
                       const MetadataOptionsChange& m = p.metadata;
                       if (!m.enabled && !m.tokens_required && !m.hop_limit && !m.has_tags &&
                           !p.metadata_ipv6)
                           return std::nullopt;
                       return p;
                   });
}

Structure<LaunchParameters> make_structure() {
    Structure<LaunchParameters> s;
    s.text("ImageId", "imageId", [](const LaunchParameters& p) { return p.image; })
        .text("InstanceType", "instanceType",
              [](const LaunchParameters& p) { return p.instance_type; })
        .text("KeyName", "keyName", [](const LaunchParameters& p) { return p.key_name; })
        .text("UserData", "userData", [](const LaunchParameters& p) { return p.user_data; })
        .text("KernelId", "kernelId", [](const LaunchParameters& p) { return p.kernel_id; })
        .text("RamDiskId", "ramDiskId", [](const LaunchParameters& p) { return p.ramdisk_id; })
        .boolean("DisableApiTermination", "disableApiTermination",
                 [](const LaunchParameters& p) { return p.disable_api_termination; })
        .text("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior",
              [](const LaunchParameters& p) -> std::optional<std::string> {
                  if (!p.shutdown_behavior) return std::nullopt;
                  return std::string(images::to_text(*p.shutdown_behavior));
              })
        .structure("Placement", "placement", placement_structure(),
                   [](const LaunchParameters& p) -> std::optional<LaunchParameters> {
                       if (!p.zone && !p.tenancy) return std::nullopt;
                       return p;
                   })
        .list(
            "BlockDeviceMappings", "blockDeviceMappingSet", block_device_structure(),
            [](const LaunchParameters& p) -> const auto& { return p.block_devices; })
        .list(
            "TagSpecifications", "tagSpecificationSet", tag_specification_structure(),
            [](const LaunchParameters& p) -> const auto& { return p.tags; });
    add_network(s);
    add_options(s);
    return s;
}

}  // namespace

std::vector<Parameter> launch_parameters() {
    std::vector<Parameter> all{
        {.name = "ImageId",
         .wire = "ImageId",
         .help = "Image to launch, or an alias of it",
         .image = ImageUse::image},
        {.name = "InstanceType",
         .wire = "InstanceType",
         .help = fmt::format("Virtual processors and memory; default {}",
                             launcher::default_instance_type)},
        {.name = "KeyName", .wire = "KeyName", .help = "Key pair whose owner may log in"},
        {.name = "UserData",
         .wire = "UserData",
         .shape = Shape::blob,
         .help = "Script or cloud-config for the first boot; file://PATH reads a file"},
        placement_parameter(),
        {.name = "KernelId", .wire = "KernelId", .help = "Kernel, instead of the image's"},
        {.name = "InstanceInitiatedShutdownBehavior",
         .wire = "InstanceInitiatedShutdownBehavior",
         .help = "What a power-off from inside does; default stop",
         .choices = {"stop", "terminate"}},
        {.name = "DisableApiTermination",
         .wire = "DisableApiTermination",
         .shape = Shape::boolean,
         .help = "Refuse terminate-instances until this is changed"},
        block_device_mappings_parameter(),
        tag_specifications_parameter()};
    for (Parameter& parameter : network_parameters())
        all.push_back(std::move(parameter));
    for (Parameter& option : launch_options_parameters())
        all.push_back(std::move(option));
    return all;
}

LaunchParameters launch_parameters_of(const Arguments& arguments) {
    check_launch_options(arguments);
    LaunchParameters parameters{
        .image = image_of(arguments),
        .instance_type = arguments.text("InstanceType"),
        .key_name = arguments.text("KeyName"),
        .user_data = arguments.text("UserData"),
        .zone = arguments.structure("Placement").text("AvailabilityZone"),
        .tenancy = arguments.structure("Placement").text("Tenancy"),
        .kernel_id = arguments.text("KernelId"),
        .shutdown_behavior = behavior_of(arguments.text("InstanceInitiatedShutdownBehavior")),
        .disable_api_termination = arguments.boolean("DisableApiTermination"),
        .block_devices = block_devices_of(arguments),
        .security_groups = ids_of<SecurityGroupId>(arguments, "SecurityGroupId"),
        .security_group_names = arguments.texts("SecurityGroup"),
        .metadata = metadata_options_of(arguments.structure("MetadataOptions")),
        .tags = tags_of(arguments)};
    for (const Arguments& interface : arguments.structures("NetworkInterface"))
        parameters.interfaces.push_back(interface_of(interface));
    read_ineffective(arguments, parameters);
    check_network(parameters);
    return parameters;
}

const Structure<LaunchParameters>& launch_parameters_structure() {
    static const auto structure = make_structure();
    return structure;
}

}  // namespace kiln::api
