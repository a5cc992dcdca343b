#include "api/action.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

Structure<LaunchTemplateView> output() {
    return Structure<LaunchTemplateView>().structure("LaunchTemplate", "launchTemplate",
                                                     launch_template_structure(),
                                                     [](const LaunchTemplateView& v) { return v; });
}

LaunchTemplateView handle(Services& services, const images::Caller& caller,
                          const Arguments& arguments) {
    return services.database.write([&](Session& session) {
        images::LaunchTemplate changed = launch_template_of(session, caller, arguments);
        changed.default_version =
            images::get_launch_template_version(session, changed,
                                                arguments.required_text("SetDefaultVersion"))
                .number;
        images::update_launch_template(session, changed);
        caller.stop_if_dry_run();
        return load_view(session, caller, std::move(changed));
    });
}

}  // namespace

Action modify_launch_template() {
    std::vector<Parameter> parameters = launch_template_name_parameters();
    parameters.push_back({.name = "DefaultVersion",
                          .wire = "SetDefaultVersion",
                          .required = true,
                          .help = "Version that launches without one are made from"});
    parameters.push_back(client_token_parameter());
    parameters.push_back(dry_run_parameter());
    return with_handler<LaunchTemplateView>(
        {.name = "ModifyLaunchTemplate",
         .summary = "Choose the default version of a launch template",
         .example = "kiln modify-launch-template --launch-template-name web --default-version 2",
         .parameters = std::move(parameters),
         .table = {.rows = "LaunchTemplate",
                   .columns = {"LaunchTemplateId", "LaunchTemplateName", "DefaultVersionNumber",
                               "LatestVersionNumber"}}},
        output(), handle);
}

}  // namespace kiln::api
