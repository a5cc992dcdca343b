#include "api/action.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "launcher/fleet/launch_document.hpp"

namespace kiln::api {

namespace {

constexpr const char* action = "CreateLaunchTemplateVersion";

Structure<LaunchTemplateVersionView> output() {
    return Structure<LaunchTemplateVersionView>().structure(
        "LaunchTemplateVersion", "launchTemplateVersion", launch_template_version_structure(),
        [](const LaunchTemplateVersionView& v) { return v; });
}

/// Snapshots of its mappings stay with it.
launcher::LaunchParameters inherited(const images::LaunchTemplateVersion& source) {
    auto parameters = launcher::parse_launch_document(source.parameters);
    for (launcher::BlockDeviceOverride& device : parameters.block_devices)
        device.snapshot.reset();
    return parameters;
}

LaunchTemplateVersionView handle(Services& services, const images::Caller& caller,
                                 const Arguments& arguments) {
    const TokenUse use = token_use_of(action, arguments);
    return services.database.write([&](Session& session) {
        const images::LaunchTemplate of = launch_template_of(session, caller, arguments);
        if (const auto earlier = earlier_result(session, caller, use)) {
            const std::string number = earlier->substr(earlier->find(' ') + 1);
            return view_of(of, images::get_launch_template_version(session, of, number));
        }
        images::LaunchTemplateVersion version =
            new_version(caller, arguments, of.id, services.clock.now());
        if (const auto source = arguments.text("SourceVersion")) {
            const auto base = images::get_launch_template_version(session, of, *source);
            set_data(version, overlaid(inherited(base), launch_template_data_of(arguments)));
        }
        version = images::add_launch_template_version(session, of, version);
        remember_result(session, caller, use,
                        images::launch_template_version_name(of.id, version.number),
                        version.created);
        caller.stop_if_dry_run();
        return view_of(of, std::move(version));
    });
}

}  // namespace

Action create_launch_template_version() {
    std::vector<Parameter> parameters = launch_template_name_parameters();
    for (Parameter& parameter : launch_template_data_parameters())
        parameters.push_back(std::move(parameter));
    parameters.push_back({.name = "SourceVersion",
                          .wire = "SourceVersion",
                          .help = "Version that says what the data do not say"});
    parameters.push_back(client_token_parameter());
    parameters.push_back(dry_run_parameter());
    return with_handler<LaunchTemplateVersionView>(
        {.name = action,
         .summary =
             "Add a version to a launch template; modify-launch-template makes it the default",
         .example = "kiln create-launch-template-version --launch-template-name web "
                    "--source-version 1 --launch-template-data ImageId=ami-0123456789abcdef0",
         .parameters = std::move(parameters),
         .table = {.rows = "LaunchTemplateVersion",
                   .columns = {"LaunchTemplateId", "LaunchTemplateName", "VersionNumber",
                               "CreateTime"}}},
        output(), handle);
}

}  // namespace kiln::api
