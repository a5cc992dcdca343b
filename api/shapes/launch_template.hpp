#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/output/page.hpp"
#include "api/output/structure.hpp"
#include "api/protocol/arguments.hpp"
#include "api/protocol/parameter.hpp"
#include "base/database.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/launch_template.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/fleet/launch_parameters.hpp"

namespace kiln::api {

inline constexpr PageLimits launch_template_pages{.least = 1, .most = 200};

/// "LaunchTemplateId" and "LaunchTemplateName", of which a request has one.
std::vector<Parameter> launch_template_name_parameters();
/// These and "Version", as a launch names a template.
std::vector<Parameter> launch_template_reference_parameters();
/// "LaunchTemplateData" and "VersionDescription".
std::vector<Parameter> launch_template_data_parameters();

/// The one that is named. Throws Error{MissingParameter}, Error{InvalidParameterCombination}, and
/// what images::get_launch_template throws.
images::LaunchTemplate launch_template_of(Session& session, const images::Caller& caller,
                                          const Arguments& arguments);
images::LaunchTemplateVersion launch_template_version_of(Session& session,
                                                         const images::Caller& caller,
                                                         const Arguments& reference);
/// What LaunchTemplateData says; empty data say nothing.
launcher::LaunchParameters launch_template_data_of(const Arguments& arguments);
/// A version that says what LaunchTemplateData says, made by the caller now.
images::LaunchTemplateVersion new_version(const images::Caller& caller, const Arguments& arguments,
                                          const LaunchTemplateId& of, Time now);

/// The data of a version that is being made. Throws what launcher::check_network throws.
void set_data(images::LaunchTemplateVersion& version, const launcher::LaunchParameters& data);

/// A request that may come again with the same ClientToken.
struct TokenUse {
    std::string action;
    std::string token;   // empty: it may not
    std::string digest;  // of all that the request says
};
TokenUse token_use_of(const std::string& action, const Arguments& arguments);
/// What the first one made. Throws Error{IdempotentParameterMismatch}.
std::optional<std::string> earlier_result(Session& session, const images::Caller& caller,
                                          const TokenUse& use);
void remember_result(Session& session, const images::Caller& caller, const TokenUse& use,
                     const std::string& result, Time now);

struct LaunchTemplateView {
    images::LaunchTemplate launch_template;
    std::vector<images::Tag> tags = {};
};
/// With the caller's tags.
LaunchTemplateView load_view(Session& session, const images::Caller& caller,
                             images::LaunchTemplate found);
const Structure<LaunchTemplateView>& launch_template_structure();

struct LaunchTemplateVersionView {
    images::LaunchTemplateVersion version;
    launcher::LaunchParameters parameters;  // what it says
    std::string name;                       // of the template
    bool is_default = false;
};
LaunchTemplateVersionView view_of(const images::LaunchTemplate& of,
                                  images::LaunchTemplateVersion version);
const Structure<LaunchTemplateVersionView>& launch_template_version_structure();

}  // namespace kiln::api
