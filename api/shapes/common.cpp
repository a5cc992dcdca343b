#include "api/shapes/common.hpp"

#include <fmt/format.h>

#include "api/shapes/volume.hpp"

namespace kiln::api {

const Structure<images::Tag>& tag_structure() {
    static const auto structure =
        Structure<images::Tag>()
            .text("Key", "key", [](const images::Tag& tag) { return tag.key; })
            .text("Value", "value", [](const images::Tag& tag) { return tag.value; });
    return structure;
}

const Structure<images::StateReason>& state_reason_structure() {
    using images::StateReason;
    static const auto structure =
        Structure<StateReason>()
            .text("Code", "code", [](const StateReason& reason) { return reason.code; })
            .text("Message", "message", [](const StateReason& reason) { return reason.message; });
    return structure;
}

std::optional<images::StateReason> state_reason_of(const images::StateReason& reason) {
    if (reason.code.empty()) return std::nullopt;
    return reason;
}

const Structure<std::string>& product_code_structure() {
    static const auto structure =
        Structure<std::string>()
            .text("ProductCodeId", "productCode", [](const std::string& code) { return code; })
            .text("ProductCodeType", "type",
                  [](const std::string&) { return std::string("marketplace"); });
    return structure;
}

std::string usage_operation(const std::string& platform) {
    return platform == images::windows_platform ? "RunInstances:0002" : "RunInstances";
}

std::string platform_details(const std::string& platform) {
    return platform == images::windows_platform ? "Windows" : "Linux/UNIX";
}

std::optional<std::string> if_any(const std::string& text) {
    if (text.empty()) return std::nullopt;
    return text;
}

std::optional<std::string> if_any(const std::optional<Time>& time) {
    if (!time) return std::nullopt;
    return format_time(*time);
}

std::optional<Time> time_of(const Arguments& arguments, const std::string& wire) {
    const auto text = arguments.text(wire);
    if (!text) return std::nullopt;
    if (const auto time = parse_time(*text)) return time;
    throw Error(error_code::invalid_parameter_value, *text,
                fmt::format("Invalid value '{}' for {}: expecting a date, or a time like "
                            "2026-11-01T10:00:00Z",
                            *text, wire));
}

const Structure<std::string>& value_structure() {
    static const auto structure = Structure<std::string>().text(
        "Value", "value", [](const std::string& value) { return value; });
    return structure;
}

const Structure<bool>& boolean_value_structure() {
    static const auto structure =
        Structure<bool>().boolean("Value", "value", [](const bool& value) { return value; });
    return structure;
}

Parameter attribute_parameter(const char* help, std::vector<std::string> choices) {
    return {.name = "Attribute",
            .wire = "Attribute",
            .required = true,
            .help = help,
            .choices = std::move(choices)};
}

Parameter ids_parameter(const std::string& wire, const std::string& help, bool required) {
    return {.name = wire + "s",
            .wire = wire,
            .list = true,
            .required = required,
            .help = help,
            .image = wire == "ImageId" ? ImageUse::image : ImageUse::none};
}

std::vector<images::Tag> tags_for(const Arguments& arguments, const std::string& resource_type,
                                  const std::vector<std::string>& allowed) {
    std::vector<images::Tag> tags;
    for (const Arguments& specification : arguments.structures("TagSpecification")) {
        const std::string type = specification.required_text("ResourceType");
        if (std::ranges::find(allowed, type) == allowed.end()) {
            throw Error(
                error_code::invalid_parameter_value, type,
                fmt::format("'{}' is not a valid taggable resource type for this operation: "
                            "expecting {}",
                            type, fmt::join(allowed, " or ")));
        }
        if (type != resource_type) continue;
        for (const Arguments& tag : specification.structures("Tag")) {
            tags.push_back(
                {.key = tag.required_text("Key"), .value = tag.text("Value").value_or("")});
            images::check_tag(tags.back());
        }
    }
    return tags;
}

namespace {

std::optional<Bytes> volume_size_of(const Arguments& ebs) {
    const auto size = ebs.integer("VolumeSize");
    if (!size) return std::nullopt;
    return size_of_request(*size, "InvalidBlockDeviceMapping");
}

}  // namespace

launcher::EncryptionRequest encryption_of(const Arguments& arguments) {
    return {.encrypted = arguments.boolean("Encrypted"),
            .kms_key_id = arguments.text("KmsKeyId").value_or("")};
}

Parameter encrypted_parameter(const char* help) {
    return {.name = "Encrypted", .wire = "Encrypted", .shape = Shape::boolean, .help = help};
}

Parameter kms_key_id_parameter() {
    return {.name = "KmsKeyId",
            .wire = "KmsKeyId",
            .help = "Key of the encryption: each account has one in a region, alias/aws/ebs"};
}

std::optional<std::string> kms_key_arn(const std::optional<std::string>& key_id,
                                       const AccountId& owner, const std::string& region) {
    if (!key_id) return std::nullopt;
    return fmt::format("arn:aws:kms:{}:{}:key/{}", region, owner.str(), *key_id);
}

std::vector<launcher::BlockDeviceOverride> block_devices_of(const Arguments& arguments) {
    std::vector<launcher::BlockDeviceOverride> devices;
    for (const Arguments& mapping : arguments.structures("BlockDeviceMapping")) {
        const auto name = mapping.text("DeviceName");
        if (!name) {
            throw Error("InvalidBlockDeviceMapping", "DeviceName",
                        "each block device mapping needs a DeviceName");
        }
        const Arguments ebs = mapping.structure("Ebs");
        const auto snapshot = ebs.text("SnapshotId");
        devices.push_back(
            {.device_name = *name,
             .no_device = mapping.text_or_empty("NoDevice").has_value(),
             .virtual_name = mapping.text("VirtualName").value_or(""),
             .snapshot = snapshot ? std::optional(SnapshotId(*snapshot)) : std::nullopt,
             .volume_size = volume_size_of(ebs),
             .volume_type = ebs.text("VolumeType"),
             .delete_on_termination = ebs.boolean("DeleteOnTermination"),
             .encryption = encryption_of(ebs),
             .iops = ebs.integer("Iops"),
             .throughput = ebs.integer("Throughput")});
    }
    return devices;
}

void check_ids_or_pages(const Arguments& arguments, std::string_view ids_wire) {
    if (arguments.texts(ids_wire).empty() || !arguments.has("MaxResults")) return;
    throw Error(
        error_code::invalid_parameter_combination, std::string(ids_wire),
        fmt::format("The parameter {}s cannot be used with the parameter MaxResults", ids_wire));
}

}  // namespace kiln::api
