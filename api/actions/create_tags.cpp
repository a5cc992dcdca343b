#include "api/action.hpp"
#include "base/database.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

namespace {

std::vector<images::Tag> tags_of(const Arguments& arguments) {
    std::vector<images::Tag> tags;
    for (const Arguments& tag : arguments.structures("Tag")) {
        tags.push_back({.key = tag.required_text("Key"), .value = tag.text("Value").value_or("")});
        images::check_tag(tags.back());
    }
    return tags;
}

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::vector<images::Tag> tags = tags_of(arguments);
    services.database.write([&](Session& session) {
        for (const std::string& resource : arguments.texts("ResourceId")) {
            images::check_may_tag(session, caller.scope(), resource);
            images::set_tags(session, caller.scope(), resource, tags);
        }
        caller.stop_if_dry_run();
    });
    return {};
}

}  // namespace

Action create_tags() {
    return with_handler<Done>(
        {.name = "CreateTags",
         .summary = "Set tags on resources",
         .example = "kiln create-tags --resources ami-0123456789abcdef0 --tags Key=team,Value=web",
         .parameters =
             {{.name = "Resources",
               .wire = "ResourceId",
               .list = true,
               .required = true,
               .help = "Ids of images, instances, volumes, snapshots or key pairs",
               .image = ImageUse::resource},
              {.name = "Tags",
               .wire = "Tag",
               .shape = Shape::structure,
               .list = true,
               .required = true,
               .help = "The tags; a key that is there gets the new value",
               .members = {{.name = "Key", .wire = "Key", .required = true, .help = "Key"},
                           {.name = "Value", .wire = "Value", .help = "Value"}}},
              dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
