#include "api/protocol/parameter.hpp"

#include "launcher/volumes/requests.hpp"

namespace kiln::api {

Parameter filters_parameter() {
    return {.name = "Filters",
            .wire = "Filter",
            .shape = Shape::structure,
            .list = true,
            .help = "Show only what matches all of these; values take the wildcards * and ?",
            .members = {{.name = "Name", .wire = "Name", .required = true, .help = "Filter name"},
                        {.name = "Values",
                         .wire = "Value",
                         .list = true,
                         .required = true,
                         .help = "Any of these values matches"}}};
}

Parameter max_results_parameter() {
    return {.name = "MaxResults",
            .wire = "MaxResults",
            .shape = Shape::integer,
            .help = "At most so many results in one response (5 to 1000)"};
}

Parameter next_token_parameter() {
    return {.name = "NextToken",
            .wire = "NextToken",
            .help = "Go on where the response that had this token ended"};
}

Parameter dry_run_parameter() {
    return {.name = "DryRun",
            .wire = "DryRun",
            .shape = Shape::boolean,
            .help = "Only check whether the request would succeed"};
}

Parameter client_token_parameter() {
    return {.name = "ClientToken",
            .wire = "ClientToken",
            .help = "A request that is repeated with the same token is done once"};
}

Parameter image_id_parameter(std::string help) {
    return {.name = "ImageId",
            .wire = "ImageId",
            .required = true,
            .help = std::move(help),
            .image = ImageUse::image};
}

Parameter attribute_value(std::string name, std::string help) {
    return {.name = name,
            .wire = name,
            .shape = Shape::structure,
            .help = std::move(help),
            .members = {{.name = "Value", .wire = "Value", .help = "The new value"}},
            .attribute_value = true};
}

Parameter attribute_boolean(std::string name, std::string help) {
    Parameter parameter = attribute_value(std::move(name), std::move(help));
    parameter.members.front().shape = Shape::boolean;
    return parameter;
}

Parameter tag_specifications_parameter() {
    const Parameter tags{
        .name = "Tags",
        .wire = "Tag",
        .shape = Shape::structure,
        .list = true,
        .help = "The tags",
        .members = {{.name = "Key", .wire = "Key", .required = true, .help = "Key of the tag"},
                    {.name = "Value", .wire = "Value", .help = "Value of the tag"}}};
    return {.name = "TagSpecifications",
            .wire = "TagSpecification",
            .shape = Shape::structure,
            .list = true,
            .help = "Tags for what the request makes",
            .members = {{.name = "ResourceType",
                         .wire = "ResourceType",
                         .required = true,
                         .help = "What to tag: image, instance, snapshot, volume, key-pair"},
                        tags}};
}

namespace {

Parameter ebs_parameter() {
    return {.name = "Ebs",
            .wire = "Ebs",
            .shape = Shape::structure,
            .help = "The volume behind the device",
            .members = {
                {.name = "SnapshotId", .wire = "SnapshotId", .help = "Snapshot to start from"},
                {.name = "VolumeSize",
                 .wire = "VolumeSize",
                 .shape = Shape::integer,
                 .help = "Size in GiB"},
                {.name = "VolumeType",
                 .wire = "VolumeType",
                 .choices = {launcher::volume_types.begin(), launcher::volume_types.end()}},
                {.name = "DeleteOnTermination",
                 .wire = "DeleteOnTermination",
                 .shape = Shape::boolean,
                 .help = "Whether the volume goes with its instance"},
                {.name = "Encrypted",
                 .wire = "Encrypted",
                 .shape = Shape::boolean,
                 .help = "Whether the volume is encrypted"},
                {.name = "Iops", .wire = "Iops", .shape = Shape::integer, .help = "I/O per second"},
                {.name = "Throughput",
                 .wire = "Throughput",
                 .shape = Shape::integer,
                 .help = "MiB per second"},
                {.name = "KmsKeyId", .wire = "KmsKeyId", .help = "Key of the encryption"}}};
}

}  // namespace

Parameter block_device_mappings_parameter() {
    return {.name = "BlockDeviceMappings",
            .wire = "BlockDeviceMapping",
            .shape = Shape::structure,
            .list = true,
            .help = "The disks, by device name",
            .members = {{.name = "DeviceName", .wire = "DeviceName", .help = "/dev/sda1, /dev/sdb"},
                        {.name = "NoDevice",
                         .wire = "NoDevice",
                         .help = "Given, even if empty: leave this device out"},
                        {.name = "VirtualName", .wire = "VirtualName", .help = "ephemeral0, …"},
                        ebs_parameter()}};
}

}  // namespace kiln::api
