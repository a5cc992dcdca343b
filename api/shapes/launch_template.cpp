#include "api/shapes/launch_template.hpp"

#include <fmt/format.h>

#include "api/shapes/common.hpp"
#include "api/shapes/launch_parameters.hpp"
#include "base/text.hpp"
#include "images/catalog/operation.hpp"
#include "launcher/fleet/launch_document.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::api {

namespace {

using View = LaunchTemplateView;
using VersionView = LaunchTemplateVersionView;

constexpr const char* ramdisk = "RamDiskId";  // RunInstances writes it otherwise

std::vector<Parameter> data_parameters() {
    std::vector<Parameter> parameters = launch_parameters();
    for (Parameter& parameter : parameters)
        if (parameter.image == ImageUse::image) parameter.image = ImageUse::kept;
    parameters.push_back(
        {.name = "RamDiskId", .wire = ramdisk, .help = "RAM disk, instead of the image's"});
    return parameters;
}

}  // namespace

std::vector<Parameter> launch_template_name_parameters() {
    return {{.name = "LaunchTemplateId", .wire = "LaunchTemplateId", .help = "The template's id"},
            {.name = "LaunchTemplateName",
             .wire = "LaunchTemplateName",
             .help = "The template's name, instead of its id"}};
}

std::vector<Parameter> launch_template_reference_parameters() {
    std::vector<Parameter> parameters = launch_template_name_parameters();
    parameters.push_back(
        {.name = "Version",
         .wire = "Version",
         .help = "Its version: a number, $Latest or $Default, which is the default"});
    return parameters;
}

std::vector<Parameter> launch_template_data_parameters() {
    return {{.name = "LaunchTemplateData",
             .wire = "LaunchTemplateData",
             .shape = Shape::structure,
             .required = true,
             .help = "What is launched; a launch may say other things over it",
             .members = data_parameters()},
            {.name = "VersionDescription",
             .wire = "VersionDescription",
             .help = "What the version is for"}};
}

images::LaunchTemplate launch_template_of(Session& session, const images::Caller& caller,
                                          const Arguments& arguments) {
    const auto id = arguments.text("LaunchTemplateId");
    const auto name = arguments.text("LaunchTemplateName");
    if (id && name) {
        throw Error(error_code::invalid_parameter_combination, *id,
                    "Name the launch template by its id or by its name, not by both");
    }
    if (id) return images::get_launch_template(session, caller.scope(), LaunchTemplateId(*id));
    if (name) return images::get_launch_template(session, caller.scope(), *name);
    throw Error(error_code::missing_parameter, "LaunchTemplateId",
                "The request must contain the parameter LaunchTemplateId or LaunchTemplateName");
}

images::LaunchTemplateVersion launch_template_version_of(Session& session,
                                                         const images::Caller& caller,
                                                         const Arguments& reference) {
    return images::get_launch_template_version(session,
                                               launch_template_of(session, caller, reference),
                                               reference.text("Version").value_or(""));
}

launcher::LaunchParameters launch_template_data_of(const Arguments& arguments) {
    const Arguments data = arguments.structure("LaunchTemplateData");
    launcher::LaunchParameters parameters = launch_parameters_of(data);
    parameters.ramdisk_id = data.text(ramdisk);
    launcher::check_device_names(parameters.block_devices);
    if (parameters.user_data) launcher::check_user_data(*parameters.user_data);
    return parameters;
}

images::LaunchTemplateVersion new_version(const images::Caller& caller, const Arguments& arguments,
                                          const LaunchTemplateId& of, Time now) {
    images::LaunchTemplateVersion version{
        .launch_template = of,
        .description = arguments.text("VersionDescription").value_or(""),
        .created = now,
        .created_by = fmt::format("arn:aws:iam::{}:root", caller.account.str())};
    set_data(version, launch_template_data_of(arguments));
    launcher::check_description(version.description);
    return version;
}

void set_data(images::LaunchTemplateVersion& version, const launcher::LaunchParameters& data) {
    check_network(data);
    version.parameters = to_document(data);
    version.image = data.image.value_or("");
}

TokenUse token_use_of(const std::string& action, const Arguments& arguments) {
    const std::string token = arguments.text("ClientToken").value_or("");
    launcher::check_client_token(token);
    std::string said = to_document(launch_template_data_of(arguments));
    for (const char* part :
         {"LaunchTemplateId", "LaunchTemplateName", "VersionDescription", "SourceVersion"})
        said += '\n' + arguments.text(part).value_or("");
    for (const images::Tag& tag : tags_for(arguments, "launch-template", {"launch-template"}))
        said += '\n' + tag.key + '\n' + tag.value;
    return {.action = action, .token = token, .digest = sha256_hex(said)};
}

std::optional<std::string> earlier_result(Session& session, const images::Caller& caller,
                                          const TokenUse& use) {
    if (use.token.empty()) return std::nullopt;
    auto earlier =
        images::find_client_token(session, caller.scope(), use.action, use.token, use.digest);
    if (!earlier) return std::nullopt;
    return std::move(earlier->resource_id);
}

void remember_result(Session& session, const images::Caller& caller, const TokenUse& use,
                     const std::string& result, Time now) {
    if (use.token.empty()) return;
    images::insert_client_token(session, caller.scope(),
                                {.action = use.action,
                                 .token = use.token,
                                 .parameters_digest = use.digest,
                                 .resource_id = result,
                                 .created = now});
}

LaunchTemplateView load_view(Session& session, const images::Caller& caller,
                             images::LaunchTemplate found) {
    auto tags = images::tags_of(session, caller.scope(), found.id.str());
    return {.launch_template = std::move(found), .tags = std::move(tags)};
}

const Structure<LaunchTemplateView>& launch_template_structure() {
    static const auto structure =
        Structure<View>()
            .text("LaunchTemplateId", "launchTemplateId",
                  [](const View& v) { return v.launch_template.id.str(); })
            .text("LaunchTemplateName", "launchTemplateName",
                  [](const View& v) { return v.launch_template.name; })
            .text("CreateTime", "createTime",
                  [](const View& v) { return format_time(v.launch_template.created); })
            .text("CreatedBy", "createdBy",
                  [](const View& v) { return v.launch_template.created_by; })
            .integer("DefaultVersionNumber", "defaultVersionNumber",
                     [](const View& v) { return v.launch_template.default_version; })
            .integer("LatestVersionNumber", "latestVersionNumber",
                     [](const View& v) { return v.launch_template.latest_version; })
            .list(
                "Tags", "tagSet", tag_structure(),
                [](const View& v) -> const auto& { return v.tags; });
    return structure;
}

LaunchTemplateVersionView view_of(const images::LaunchTemplate& of,
                                  images::LaunchTemplateVersion version) {
    const bool is_default = version.number == of.default_version;
    auto parameters = launcher::parse_launch_document(version.parameters);
    return {.version = std::move(version),
            .parameters = std::move(parameters),
            .name = of.name,
            .is_default = is_default};
}

const Structure<LaunchTemplateVersionView>& launch_template_version_structure() {
    static const auto structure =
        Structure<VersionView>()
            .text("LaunchTemplateId", "launchTemplateId",
                  [](const VersionView& v) { return v.version.launch_template.str(); })
            .text("LaunchTemplateName", "launchTemplateName",
                  [](const VersionView& v) { return v.name; })
            .integer("VersionNumber", "versionNumber",
                     [](const VersionView& v) { return v.version.number; })
            .text("VersionDescription", "versionDescription",
                  [](const VersionView& v) { return if_any(v.version.description); })
            .text("CreateTime", "createTime",
                  [](const VersionView& v) { return format_time(v.version.created); })
            .text("CreatedBy", "createdBy",
                  [](const VersionView& v) { return v.version.created_by; })
            .boolean("DefaultVersion", "defaultVersion",
                     [](const VersionView& v) { return v.is_default; })
            .structure("LaunchTemplateData", "launchTemplateData", launch_parameters_structure(),
                       [](const VersionView& v) { return v.parameters; });
    return structure;
}

}  // namespace kiln::api
