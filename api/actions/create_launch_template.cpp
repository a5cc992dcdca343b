#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

constexpr const char* action = "CreateLaunchTemplate";

Structure<LaunchTemplateView> output() {
    return Structure<LaunchTemplateView>().structure("LaunchTemplate", "launchTemplate",
                                                     launch_template_structure(),
                                                     [](const LaunchTemplateView& v) { return v; });
}

LaunchTemplateView handle(Services& services, const images::Caller& caller,
                          const Arguments& arguments) {
    const LaunchTemplateId id = LaunchTemplateId::generate();
    const auto first = new_version(caller, arguments, id, services.clock.now());
    const images::LaunchTemplate made{.id = id,
                                      .owner = caller.account,
                                      .region = caller.region,
                                      .name = arguments.required_text("LaunchTemplateName"),
                                      .created = first.created,
                                      .created_by = first.created_by};
    images::check_launch_template_name(made.name);
    const auto tags = tags_for(arguments, "launch-template", {"launch-template"});
    const TokenUse use = token_use_of(action, arguments);
    return services.database.write([&](Session& session) {
        if (const auto earlier = earlier_result(session, caller, use)) {
            return load_view(
                session, caller,
                images::get_launch_template(session, caller.scope(), LaunchTemplateId(*earlier)));
        }
        images::insert_launch_template(session, made, first);
        remember_result(session, caller, use, id.str(), made.created);
        images::set_tags(session, caller.scope(), id.str(), tags);
        caller.stop_if_dry_run();
        return load_view(session, caller, made);
    });
}

}  // namespace

Action create_launch_template() {
    std::vector<Parameter> parameters = launch_template_data_parameters();
    parameters.insert(parameters.begin(), {.name = "LaunchTemplateName",
                                           .wire = "LaunchTemplateName",
                                           .required = true,
                                           .help = "Its name: letters, digits and ( ) . - / _"});
    parameters.push_back(tag_specifications_parameter());
    parameters.push_back(client_token_parameter());
    parameters.push_back(dry_run_parameter());
    return with_handler<LaunchTemplateView>(
        {.name = action,
         .summary = "Keep what a launch says under a name, for launches to come",
         .example = "kiln create-launch-template --launch-template-name web --launch-template-data "
                    "ImageId=ami-0123456789abcdef0,InstanceType=t3.small",
         .parameters = std::move(parameters),
         .table = {.rows = "LaunchTemplate",
                   .columns = {"LaunchTemplateId", "LaunchTemplateName", "LatestVersionNumber",
                               "CreateTime"}}},
        output(), handle);
}

}  // namespace kiln::api
