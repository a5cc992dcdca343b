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
        images::LaunchTemplate gone = launch_template_of(session, caller, arguments);
        images::delete_launch_template(session, gone.id);
        caller.stop_if_dry_run();
        return LaunchTemplateView{.launch_template = std::move(gone)};
    });
}

}  // namespace

Action delete_launch_template() {
    std::vector<Parameter> parameters = launch_template_name_parameters();
    parameters.push_back(dry_run_parameter());
    return with_handler<LaunchTemplateView>(
        {.name = "DeleteLaunchTemplate",
         .summary = "Delete a launch template with all its versions; instances stay",
         .example = "kiln delete-launch-template --launch-template-name web",
         .parameters = std::move(parameters),
         .table = {.rows = "LaunchTemplate",
                   .columns = {"LaunchTemplateId", "LaunchTemplateName"}}},
        output(), handle);
}

}  // namespace kiln::api
