#include "api/shapes/launch_options.hpp"

#include "base/error.hpp"

namespace kiln::api {

namespace {

Parameter structure_of(const char* name, const char* help, std::vector<Parameter> members) {
    return {.name = name,
            .wire = name,
            .shape = Shape::structure,
            .help = help,
            .members = std::move(members)};
}

Parameter boolean_of(const char* name, const char* help) {
    return {.name = name, .wire = name, .shape = Shape::boolean, .help = help};
}

void refuse(bool asked, const char* option, const char* why) {
    if (asked) throw Error(error_code::unsupported_operation, option, why);
}

}  // namespace

std::vector<Parameter> launch_options_parameters() {
    return {boolean_of("EbsOptimized", "Makes no difference: volumes have no network of their own"),
            structure_of("Monitoring", "Only Enabled=false",
                         {boolean_of("Enabled", "Detailed monitoring, which there is none of")}),
            structure_of("CreditSpecification", "Makes no difference: bursts are not limited",
                         {{.name = "CpuCredits",
                           .wire = "CpuCredits",
                           .help = "How bursts are charged",
                           .choices = {"standard", "unlimited"}}}),
            structure_of("EnclaveOptions", "Only Enabled=false",
                         {boolean_of("Enabled", "Enclaves, which there are none of")}),
            structure_of("HibernationOptions", "Only Configured=false",
                         {boolean_of("Configured", "Hibernation, which there is none of")}),
            structure_of("IamInstanceProfile", "Only empty: instances have no roles",
                         {{.name = "Name", .wire = "Name", .help = "Its name"},
                          {.name = "Arn", .wire = "Arn", .help = "Its ARN"}})};
}

void check_launch_options(const Arguments& arguments) {
    const auto is_set = [&](const char* structure, const char* flag) {
        return arguments.structure(structure).boolean(flag).value_or(false);
    };
    const Arguments profile = arguments.structure("IamInstanceProfile");
    refuse(is_set("Monitoring", "Enabled"), "Monitoring",
           "There is no detailed monitoring: leave Monitoring out");
    refuse(is_set("EnclaveOptions", "Enabled"), "EnclaveOptions",
           "There are no enclaves: leave EnclaveOptions out");
    refuse(is_set("HibernationOptions", "Configured"), "HibernationOptions",
           "Instances do not hibernate: leave HibernationOptions out");
    refuse(profile.text("Name") || profile.text("Arn"), "IamInstanceProfile",
           "Instances have no roles: leave IamInstanceProfile out");
}

}  // namespace kiln::api
