#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// Of an account in a region, and their versions together; of a template at one time; of what one
/// version says.
inline constexpr std::int64_t max_launch_templates = 5'000;
inline constexpr std::int64_t max_launch_template_versions_of_account = 10'000;
inline constexpr std::int64_t max_launch_template_versions = 1'000;
inline constexpr std::size_t max_launch_template_bytes = 48U << 10U;

struct LaunchTemplate {
    LaunchTemplateId id;
    AccountId owner;
    std::string region;
    std::string name;
    Time created;
    std::string created_by;  // ARN
    std::int64_t default_version = 1;
    std::int64_t latest_version = 1;
    std::int64_t next_version = 2;
};

/// A version never changes, and its number is never used again.
struct LaunchTemplateVersion {
    LaunchTemplateId launch_template;
    std::int64_t number = 1;
    std::string description;
    Time created;
    std::string created_by;
    std::string parameters;  // JSON, see launcher/fleet/launch_parameters.hpp
    std::string image;       // id of the image that they name; empty: none
};

/// "lt-0123456789abcdef0 3", as what a request made.
std::string launch_template_version_name(const LaunchTemplateId& of, std::int64_t number);

/// Throws Error{InvalidLaunchTemplateName.MalformedException} unless the name has 3 to 128 letters,
/// digits and ( ) . - / _.
void check_launch_template_name(const std::string& name);

/// With its first version. Throws Error{InvalidLaunchTemplateName.AlreadyExistsException},
/// Error{LaunchTemplateLimitExceeded}, and Error{InvalidParameterValue} for a version that says too
/// much.
void insert_launch_template(Session& session, const LaunchTemplate& made,
                            const LaunchTemplateVersion& first);
/// Throws Error{InvalidLaunchTemplateId.NotFound}.
LaunchTemplate get_launch_template(Session& session, const Scope& scope,
                                   const LaunchTemplateId& id);
Error launch_template_not_found(const LaunchTemplateId& id);
/// Throws Error{InvalidLaunchTemplateName.NotFoundException}.
LaunchTemplate get_launch_template(Session& session, const Scope& scope, const std::string& name);
Error launch_template_not_found(const std::string& name);
/// By name.
std::vector<LaunchTemplate> list_launch_templates(Session& session, const Scope& scope);
void update_launch_template(Session& session, const LaunchTemplate& changed);
/// With its versions, its tags, and the tokens of requests that made them.
void delete_launch_template(Session& session, const LaunchTemplateId& id);

/// Gives the version the template's next number, and makes it the latest. Throws
/// Error{VersionLimitExceeded}, and Error{InvalidParameterValue} for one that says too much.
LaunchTemplateVersion add_launch_template_version(Session& session, LaunchTemplate of,
                                                  LaunchTemplateVersion version);
/// "$Latest", "$Default" or a number; empty: the default. Throws
/// Error{InvalidLaunchTemplateId.VersionNotFound}, and Error{InvalidParameterValue} for what is
/// none of these.
LaunchTemplateVersion get_launch_template_version(Session& session, const LaunchTemplate& of,
                                                  const std::string& version);
/// The numbers of all, the newest first.
std::vector<std::int64_t> launch_template_version_numbers(Session& session,
                                                          const LaunchTemplateId& of);
/// "$Latest", "$Default" or a number, which there need not be. Throws Error{InvalidParameterValue}.
std::int64_t launch_template_version_number(const LaunchTemplate& of, const std::string& version);

struct LaunchTemplateImage {
    LaunchTemplateId launch_template;
    std::string image;  // id
};
/// The images that the newest `depth` versions of each template name, each once.
std::vector<LaunchTemplateImage> launch_template_images(Session& session, const Scope& scope,
                                                        std::int64_t depth);
/// Not the default one: throws Error{OperationNotPermitted}.
void delete_launch_template_version(Session& session, LaunchTemplate of, std::int64_t number);

}  // namespace kiln::images
