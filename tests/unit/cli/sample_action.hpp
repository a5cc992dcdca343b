#pragma once

#include "api/action.hpp"
#include "base/error.hpp"

namespace kiln::cli::tests {

/// An action with a parameter of each kind.
inline api::Action sample_action() {
    api::Parameter user_data = api::attribute_value("UserData", "User data");
    user_data.members.front().shape = api::Shape::blob;
    return {
        .name = "CaptureThing",
        .summary = "Capture a thing",
        .example = "kiln capture-thing --thing-id t-1 --name n",
        .parameters =
            {{.name = "Name", .wire = "Name", .help = "What to call it"},
             {.name = "ThingId", .wire = "ThingId", .required = true, .help = "The thing"},
             {.name = "Owners", .wire = "Owner", .list = true, .help = "Whose"},
             {.name = "Size", .wire = "Size", .shape = api::Shape::integer, .help = "In GiB"},
             {.name = "Kind", .wire = "Kind", .help = "Which", .choices = {"big", "small"}},
             {.name = "NoReboot",
              .wire = "NoReboot",
              .shape = api::Shape::boolean,
              .help = "Leave it running"},
             {.name = "Script", .wire = "Script", .shape = api::Shape::blob, .help = "Script"},
             {.name = "MinCount",
              .wire = "MinCount",
              .shape = api::Shape::integer,
              .help = "Hidden",
              .hidden = true},
             api::attribute_value("Kernel", "Another kernel"),
             api::attribute_boolean("Protection", "Whether it is protected"),
             user_data,
             api::filters_parameter(),
             api::tag_specifications_parameter(),
             api::block_device_mappings_parameter(),
             api::dry_run_parameter()},
        .cli_options =
            {{.option = "count",
              .placeholder = "N",
              .help = "How many",
              .expand =
                  [](const std::string& text) {
                      if (text == "0") throw Error("X", "", "none is too few");
                      return std::vector<std::pair<std::string, std::string>>{{"MinCount", text}};
                  }}},
        .table = {.columns = {"ThingId"}},
        .waiter = api::Waiter{.action = "DescribeThings",
                              .parameter = "ThingId",
                              .request_ids = "ThingId",
                              .state = "Things.State",
                              .wanted = "available"}};
}

}  // namespace kiln::cli::tests
