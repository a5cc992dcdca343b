#include <fmt/format.h>

#include "api/action.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

/// Instances have no roles, and so nobody has instance profiles: clients that ask are told so.
Done handle(Services& /*services*/, const images::Caller& /*caller*/, const Arguments& arguments) {
    const std::string name = arguments.required_text("InstanceProfileName");
    throw Error("NoSuchEntity", name, fmt::format("Instance Profile {} cannot be found.", name));
}

}  // namespace

Action get_instance_profile() {
    return with_handler<Done>({.name = "GetInstanceProfile",
                               .summary = "There are no instance profiles",
                               .example = "kiln get-instance-profile --instance-profile-name p",
                               .parameters = {{.name = "InstanceProfileName",
                                               .wire = "InstanceProfileName",
                                               .required = true,
                                               .help = "Its name"},
                                              dry_run_parameter()},
                               .service = &iam_service,
                               .hidden = true},
                              done_structure(), handle);
}

}  // namespace kiln::api
