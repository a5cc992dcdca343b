#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "api/action.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/settings.hpp"
#include "images/catalog/image_alias.hpp"
#include "images/catalog/instance.hpp"
#include "launcher/fleet/launch_document.hpp"

namespace kiln::api {

namespace {

constexpr const char* of_instances = "ec2:Instance";
constexpr const char* of_launch_templates = "ec2:LaunchTemplate";
constexpr std::int64_t default_version_depth = 10;
constexpr std::int64_t greatest_version_depth = 10'000;

/// What of a kind of resource is looked at.
struct Kinds {
    bool instances = false;
    std::set<std::string> states = {};  // none: all
    bool launch_templates = false;
    std::int64_t version_depth = default_version_depth;  // newest versions
};

struct Reference {
    ImageId image;
    std::string type;
    std::string arn;
};

struct Result {
    std::vector<Reference> references;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    const auto item =
        Structure<Reference>()
            .text("ImageId", "imageId", [](const Reference& r) { return r.image.str(); })
            .text("ResourceType", "resourceType", [](const Reference& r) { return r.type; })
            .text("Arn", "arn", [](const Reference& r) { return r.arn; });
    return Structure<Result>()
        .list(
            "ImageReferences", "imageReferenceSet", item,
            [](const Result& r) -> const auto& { return r.references; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

std::int64_t depth_of(const std::vector<std::string>& values) {
    std::int64_t depth = 0;
    const std::string text = values.size() == 1 ? values.front() : "";
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
    const bool is_number = error == std::errc() && rest == text.data() + text.size();
    if (is_number && depth >= 1 && depth <= greatest_version_depth) return depth;
    throw Error(error_code::invalid_parameter_value, "version-depth",
                fmt::format("The option version-depth takes one number: how many of the newest "
                            "versions, 1 to {}",
                            greatest_version_depth));
}

void read_option(const Arguments& option, bool is_instance, Kinds& kinds) {
    const std::string name = option.required_text("OptionName");
    const auto values = option.texts("OptionValue");
    if (is_instance && name == "state-name") {
        kinds.states = {values.begin(), values.end()};
    } else if (!is_instance && name == "version-depth") {
        kinds.version_depth = depth_of(values);
    } else {
        throw Error(error_code::invalid_parameter_value, name,
                    fmt::format("The option {} is not one of that resource type: state-name is of "
                                "{}, version-depth of {}",
                                name, of_instances, of_launch_templates));
    }
}

Kinds kinds_of(const Arguments& arguments) {
    const auto types = arguments.structures("ResourceType");
    const bool all = arguments.boolean("IncludeAllResourceTypes").value_or(false);
    if (!all && types.empty()) {
        throw Error(error_code::missing_parameter, "ResourceType",
                    "The request must contain the parameter ResourceTypes, or "
                    "IncludeAllResourceTypes=true");
    }
    Kinds kinds{.instances = all, .launch_templates = all};
    for (const Arguments& type : types) {
        const std::string name = type.required_text("ResourceType");
        if (name == of_instances) kinds.instances = true;
        if (name == of_launch_templates) kinds.launch_templates = true;
        for (const Arguments& option : type.structures("ResourceTypeOption"))
            read_option(option, name == of_instances, kinds);
    }
    return kinds;
}

std::string arn_of(const images::Scope& scope, const char* kind, const std::string& id) {
    return fmt::format("arn:aws:ec2:{}:{}:{}/{}", scope.region, scope.owner.str(), kind, id);
}

void add_instances(Session& session, const images::Scope& scope, const Kinds& kinds, Time now,
                   std::vector<Reference>& references) {
    for (const images::Instance& instance :
         images::list_instances(session, scope, now - terminated_instances_are_shown)) {
        const std::string state(to_text(instance.state));
        const bool is_wanted = kinds.states.empty() || kinds.states.contains(state);
        if (is_wanted)
            references.push_back({.image = instance.image,
                                  .type = of_instances,
                                  .arn = arn_of(scope, "instance", instance.id.str())});
    }
}

/// For what the text in a launch template stands now; nullopt: nothing.
std::optional<ImageId> image_of(Session& session, const images::Scope& scope,
                                const std::string& text, bool foreign_ids) {
    try {
        return ImageId(images::resolve_image_alias(session, scope, text, foreign_ids));
    } catch (const Error&) {
        return std::nullopt;  // an alias that is gone
    }
}

void add_launch_templates(Session& session, const images::Scope& scope, const Kinds& kinds,
                          bool foreign_ids, std::vector<Reference>& references) {
    for (const auto& [launch_template, text] :
         images::launch_template_images(session, scope, kinds.version_depth)) {
        const auto image = image_of(session, scope, text, foreign_ids);
        if (!image) continue;
        references.push_back({.image = *image,
                              .type = of_launch_templates,
                              .arn = arn_of(scope, "launch-template", launch_template.str())});
    }
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const Kinds kinds = kinds_of(arguments);
    const auto wanted = ids_of<ImageId>(arguments, "ImageId");
    std::vector<Reference> references;
    services.database.read([&](Session& session) {
        if (kinds.instances)
            add_instances(session, caller.scope(), kinds, services.clock.now(), references);
        if (kinds.launch_templates)
            add_launch_templates(session, caller.scope(), kinds,
                                 services.settings.foreign_image_aliases, references);
    });
    std::erase_if(references, [&](const Reference& reference) {
        return std::ranges::find(wanted, reference.image) == wanted.end();
    });
    caller.stop_if_dry_run();
    auto page = page_of<Reference>(arguments, std::move(references),
                                   [](const Reference& r) { return r.image.str() + " " + r.arn; });
    return {.references = std::move(page.items), .next_token = std::move(page.next_token)};
}

Parameter resource_types_parameter() {
    const Parameter options{
        .name = "ResourceTypeOptions",
        .wire = "ResourceTypeOption",
        .shape = Shape::structure,
        .list = true,
        .help = "state-name of instances, version-depth of launch templates",
        .members = {{.name = "OptionName",
                     .wire = "OptionName",
                     .required = true,
                     .help = "Which option",
                     .choices = {"state-name", "version-depth"}},
                    {.name = "OptionValues",
                     .wire = "OptionValue",
                     .list = true,
                     .required = true,
                     .help = "States, or the number of the newest versions to look at"}}};
    return {.name = "ResourceTypes",
            .wire = "ResourceType",
            .shape = Shape::structure,
            .list = true,
            .help = "What may refer to the images",
            .members = {{.name = "ResourceType",
                         .wire = "ResourceType",
                         .required = true,
                         .help = "Kind of resource; there are none of the last three",
                         .choices = {of_instances, of_launch_templates, "ssm:Parameter",
                                     "imagebuilder:ImageRecipe", "imagebuilder:ContainerRecipe"}},
                        options}};
}

}  // namespace

Action describe_image_references() {
    return with_handler<Result>(
        {.name = "DescribeImageReferences",
         .summary = "Show which of your instances and launch templates are of an image",
         .example = "kiln describe-image-references --image-ids ami-0123456789abcdef0 "
                    "--include-all-resource-types",
         .parameters = {ids_parameter("ImageId", "Ids of the images", true),
                        {.name = "IncludeAllResourceTypes",
                         .wire = "IncludeAllResourceTypes",
                         .shape = Shape::boolean,
                         .help = "Of every kind"},
                        resource_types_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "ImageReferences", .columns = {"ImageId", "ResourceType", "Arn"}}},
        output(), handle);
}

}  // namespace kiln::api
