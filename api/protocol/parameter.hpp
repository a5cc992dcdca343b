#pragma once

#include <string>
#include <vector>

namespace kiln::api {

enum class Shape {
    text,
    integer,
    boolean,
    blob,       // base64 on the wire; the CLI encodes what it is given
    structure,  // has members
};

/// Whether an image's alias may stand in the place of an id.
enum class ImageUse {
    none,
    image,     // the id of an image: it is what the handler finds
    resource,  // of a resource that may be an image
    kept       // the handler finds the alias, which stands for an image now
};

/// One parameter of an action, declared once: the endpoint validates by it, the CLI makes its
/// option, its shorthand, --help and completion from it, and docs/reference.md is generated from
/// it.
struct Parameter {
    std::string name;  // as SDKs name it: "InstanceIds"; the CLI option is --instance-ids
    std::string wire;  // as the EC2 Query protocol names it: "InstanceId" (".1", ".2" for a list)
    Shape shape = Shape::text;
    bool list = false;
    bool required = false;
    std::string help;
    std::vector<std::string> choices = {};  // allowed words; empty: any
    std::vector<Parameter> members = {};    // of a structure
    /// A structure with the single member Value (EC2's AttributeValue): the CLI takes the bare
    /// value too.
    bool attribute_value = false;
    /// Not offered as an option of its own (an action's CliOption sets it).
    bool hidden = false;
    ImageUse image = ImageUse::none;
    /// Wire name of the parameter that says in which region the image is; empty: the request's.
    std::string image_region = {};
};

/// The parameters that every Describe action shares.
Parameter filters_parameter();
Parameter max_results_parameter();
Parameter next_token_parameter();
/// Every action takes it.
Parameter dry_run_parameter();
Parameter client_token_parameter();
/// "ImageId", required: one image, or an alias of it.
Parameter image_id_parameter(std::string help);
/// EC2's AttributeValue and AttributeBooleanValue.
Parameter attribute_value(std::string name, std::string help);
Parameter attribute_boolean(std::string name, std::string help);
/// "TagSpecifications" (wire "TagSpecification") with ResourceType and Tags.
Parameter tag_specifications_parameter();
/// "BlockDeviceMappings" (wire "BlockDeviceMapping") with DeviceName, NoDevice, VirtualName and
/// Ebs.
Parameter block_device_mappings_parameter();

}  // namespace kiln::api
