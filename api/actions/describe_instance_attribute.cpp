#include <fmt/format.h>

#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "base/database.hpp"
#include "images/market/product_code.hpp"

namespace kiln::api {

namespace {

using images::Instance;

struct Result {
    InstanceView view;
    std::string attribute;
};

/// {"Value": …} of the attribute that was asked for, nothing of the others. EC2 answers an
/// attribute that is not set with an empty structure.
template <class Get>
auto text_attribute(const char* name, Get get) {
    return [name, get](const Result& r) -> std::optional<std::string> {
        if (r.attribute != name) return std::nullopt;
        return get(r.view.instance);
    };
}

template <class Get>
auto boolean_attribute(const char* name, Get get) {
    return [name, get](const Result& r) -> std::optional<bool> {
        if (r.attribute != name) return std::nullopt;
        return get(r.view.instance);
    };
}

/// The mapping has the shape that DescribeInstances gives it.
const Structure<images::Volume>& device_structure() {
    static const auto ebs =
        Structure<images::Volume>()
            .text("AttachTime", "attachTime",
                  [](const images::Volume& v) { return format_time(v.attachment->attached); })
            .boolean("DeleteOnTermination", "deleteOnTermination",
                     [](const images::Volume& v) { return v.attachment->delete_on_termination; })
            .text("Status", "status",
                  [](const images::Volume& v) { return std::string(to_text(v.attachment->state)); })
            .text("VolumeId", "volumeId", [](const images::Volume& v) { return v.id.str(); });
    static const auto structure =
        Structure<images::Volume>()
            .text("DeviceName", "deviceName",
                  [](const images::Volume& v) { return v.attachment->device_name; })
            .structure("Ebs", "ebs", ebs, [](const images::Volume& v) { return v; });
    return structure;
}

Structure<Result> output() {
    const auto& text = value_structure();
    const auto& boolean = boolean_value_structure();
    return Structure<Result>()
        .text("InstanceId", "instanceId", [](const Result& r) { return r.view.instance.id.str(); })
        .structure(
            "InstanceType", "instanceType", text,
            text_attribute("instanceType", [](const Instance& i) { return i.instance_type; }))
        .structure("KernelId", "kernel", text,
                   text_attribute("kernel", [](const Instance& i) { return i.kernel_id; }))
        .structure("RamdiskId", "ramdisk", text,
                   text_attribute("ramdisk", [](const Instance& i) { return i.ramdisk_id; }))
        .structure("UserData", "userData", text,
                   text_attribute("userData", [](const Instance& i) { return i.user_data; }))
        .structure("DisableApiTermination", "disableApiTermination", boolean,
                   boolean_attribute("disableApiTermination",
                                     [](const Instance& i) { return i.disable_api_termination; }))
        .structure("DisableApiStop", "disableApiStop", boolean,
                   boolean_attribute("disableApiStop", [](const Instance&) { return false; }))
        .structure("SourceDestCheck", "sourceDestCheck", boolean,
                   boolean_attribute("sourceDestCheck", [](const Instance&) { return true; }))
        .structure("SriovNetSupport", "sriovNetSupport", text,
                   text_attribute("sriovNetSupport",
                                  [](const Instance&) { return std::string("simple"); }))
        .structure("EbsOptimized", "ebsOptimized", boolean,
                   boolean_attribute("ebsOptimized", [](const Instance&) { return false; }))
        .structure("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior", text,
                   text_attribute(
                       "instanceInitiatedShutdownBehavior",
                       [](const Instance& i) { return std::string(to_text(i.shutdown_behavior)); }))
        .structure(
            "RootDeviceName", "rootDeviceName", text,
            text_attribute("rootDeviceName", [](const Instance& i) { return i.root_device_name; }))
        .list(
            "ProductCodes", "productCodes", product_code_structure(),
            [](const Result& r) -> const auto& { return r.view.product_codes; })
        .list("Groups", "groupSet", group_name_structure(),
              [](const Result& r) {
                  const bool wanted = r.attribute == "groupSet" && r.view.interface;
                  return wanted ? r.view.interface->groups : std::vector<GroupName>();
              })
        .list("BlockDeviceMappings", "blockDeviceMapping", device_structure(), [](const Result& r) {
            return r.attribute == "blockDeviceMapping" ? r.view.volumes
                                                       : std::vector<images::Volume>{};
        });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    Result result = services.database.read([&](Session& session) {
        Result found{.view = {.instance = images::get_instance(session, caller.scope(), id),
                              .volumes = images::ebs_volumes_of_instance(session, id)},
                     .attribute = arguments.required_text("Attribute")};
        const auto interfaces = load_interface_views(session, caller.scope());
        const auto interface = interfaces.find(id);
        if (interface != interfaces.end()) found.view.interface = interface->second;
        if (found.attribute == "productCodes")
            found.view.product_codes = images::product_codes_of(session, id.str());
        return found;
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_instance_attribute() {
    return with_handler<Result>(
        {.name = "DescribeInstanceAttribute",
         .summary = "Show one attribute of an instance",
         .example = "kiln describe-instance-attribute --instance-id i-0123456789abcdef0 "
                    "--attribute userData",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        attribute_parameter("The attribute",
                                            {"instanceType", "kernel", "ramdisk", "userData",
                                             "disableApiTermination", "disableApiStop",
                                             "instanceInitiatedShutdownBehavior", "rootDeviceName",
                                             "blockDeviceMapping", "ebsOptimized", "groupSet",
                                             "productCodes", "sourceDestCheck", "sriovNetSupport"}),
                        dry_run_parameter()}},
        output(), handle);
}

}  // namespace kiln::api
