#include <fmt/format.h>

#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using launcher::ModifyInstanceAttributeRequest;

bool parse_boolean(const std::string& text) {
    if (text == "true") return true;
    if (text == "false") return false;
    throw Error(error_code::invalid_parameter_value, "Value",
                fmt::format("Invalid value '{}' for Value: expecting true or false", text));
}

/// The older form: Attribute=instanceType, Value=t3.large.
void apply_named(const std::string& attribute, const std::string& value,
                 ModifyInstanceAttributeRequest& request) {
    if (attribute == "instanceType") {
        request.instance_type = value;
    } else if (attribute == "userData") {
        request.user_data = value;
    } else if (attribute == "kernel") {
        request.kernel_id = value;
    } else if (attribute == "ramdisk") {
        request.ramdisk_id = value;
    } else if (attribute == "disableApiTermination") {
        request.disable_api_termination = parse_boolean(value);
    } else if (attribute == "instanceInitiatedShutdownBehavior") {
        request.shutdown_behavior = images::parse_shutdown_behavior(value);
    }
}

ModifyInstanceAttributeRequest request_of(const Arguments& arguments) {
    ModifyInstanceAttributeRequest request{
        .instance = InstanceId(arguments.required_text("InstanceId")),
        .instance_type = arguments.structure("InstanceType").text("Value"),
        .user_data = arguments.structure("UserData").text("Value"),
        .kernel_id = arguments.structure("Kernel").text("Value"),
        .ramdisk_id = arguments.structure("Ramdisk").text("Value"),
        .disable_api_termination = arguments.structure("DisableApiTermination").boolean("Value"),
        .shutdown_behavior =
            behavior_of(arguments.structure("InstanceInitiatedShutdownBehavior").text("Value")),
        .block_devices = block_devices_of(arguments),
        .security_groups = ids_of<SecurityGroupId>(arguments, "GroupId"),
        .source_dest_check = arguments.structure("SourceDestCheck").boolean("Value")};
    const auto attribute = arguments.text("Attribute");
    const auto value = arguments.text("Value");
    if (attribute && value) apply_named(*attribute, *value, request);
    return request;
}

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.modify_instance_attribute(caller, request_of(arguments));
    return {};
}

std::vector<Parameter> parameters() {
    Parameter user_data = attribute_value("UserData", "User data for the next start; when stopped");
    user_data.members.front().shape = Shape::blob;
    return {{.name = "InstanceId", .wire = "InstanceId", .required = true, .help = "The instance"},
            attribute_value("InstanceType", "Another type; when stopped"),
            user_data,
            attribute_value("Kernel", "Another kernel; when stopped"),
            attribute_value("Ramdisk", "Another RAM disk; when stopped"),
            attribute_boolean("DisableApiTermination", "Whether terminate-instances is refused"),
            attribute_boolean("SourceDestCheck", "Only true: it is always on"),
            attribute_value("InstanceInitiatedShutdownBehavior",
                            "What a power-off from inside does: stop or terminate"),
            {.name = "Groups",
             .wire = "GroupId",
             .list = true,
             .help = "Security groups, instead of those that it has; at once"},
            block_device_mappings_parameter(),
            {.name = "Attribute",
             .wire = "Attribute",
             .help = "Name of the attribute that --value is for",
             .choices = {"instanceType", "userData", "kernel", "ramdisk", "disableApiTermination",
                         "instanceInitiatedShutdownBehavior", "blockDeviceMapping"}},
            {.name = "Value", .wire = "Value", .help = "New value of --attribute"},
            dry_run_parameter()};
}

}  // namespace

Action modify_instance_attribute() {
    return with_handler<Done>(
        {.name = "ModifyInstanceAttribute",
         .summary = "Change one attribute of an instance",
         .example = "kiln modify-instance-attribute --instance-id i-0123456789abcdef0 "
                    "--instance-type t3.medium",
         .parameters = parameters()},
        done_structure(), handle);
}

}  // namespace kiln::api
