#include "api/action.hpp"
#include "base/database.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

namespace {

void delete_from(Session& session, const images::Scope& scope, const std::string& resource,
                 const std::vector<Arguments>& tags) {
    if (tags.empty()) images::delete_tags(session, scope, resource);
    for (const Arguments& tag : tags) {
        const std::string key = tag.required_text("Key");
        images::check_not_reserved(key);
        // A value that is given, even an empty one, must match.
        const auto value = tag.text_or_empty("Value");
        if (value) {
            images::delete_tag_with_value(session, scope, resource, {.key = key, .value = *value});
        } else {
            images::delete_tag(session, scope, resource, key);
        }
    }
}

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::vector<Arguments> tags = arguments.structures("Tag");
    services.database.write([&](Session& session) {
        for (const std::string& resource : arguments.texts("ResourceId")) {
            images::check_may_tag(session, caller.scope(), resource);
            delete_from(session, caller.scope(), resource, tags);
        }
        caller.stop_if_dry_run();
    });
    return {};
}

}  // namespace

Action delete_tags() {
    return with_handler<Done>(
        {.name = "DeleteTags",
         .summary = "Delete tags of resources",
         .example = "kiln delete-tags --resources ami-0123456789abcdef0 --tags Key=team",
         .parameters =
             {{.name = "Resources",
               .wire = "ResourceId",
               .list = true,
               .required = true,
               .help = "Ids of the resources",
               .image = ImageUse::resource},
              {.name = "Tags",
               .wire = "Tag",
               .shape = Shape::structure,
               .list = true,
               .help = "The keys, with a value only where it is that one; none: all tags",
               .members = {{.name = "Key", .wire = "Key", .required = true, .help = "Key"},
                           {.name = "Value", .wire = "Value", .help = "Value"}}},
              dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
