#include "api/server/image_mentions.hpp"

#include "base/database.hpp"
#include "base/settings.hpp"
#include "images/catalog/image_alias.hpp"

namespace kiln::api {

namespace {

images::Scope scope_of(const images::Caller& caller, const ImageMention& mention) {
    return {.owner = caller.account,
            .region = mention.region.empty() ? caller.region : mention.region};
}

std::string resolve(Session& session, const images::Scope& scope, const ImageMention& mention,
                    bool foreign_ids) {
    switch (mention.use) {
        case ImageUse::none:
            return mention.text;
        case ImageUse::image:
            return images::resolve_image_alias(session, scope, mention.text, foreign_ids);
        case ImageUse::resource: {
            const auto name = images::alias_name(mention.text);
            if (name && !images::find_image_alias(session, scope, *name)) return mention.text;
            return images::resolve_image_alias(session, scope, mention.text, foreign_ids);
        }
        case ImageUse::kept:
            images::resolve_image_alias(session, scope, mention.text, foreign_ids);
            return mention.text;
    }
    return mention.text;
}

}  // namespace

ResolveImage resolve_images_by(Database& database, const Settings& settings) {
    return [&](const images::Caller& caller, const ImageMention& mention) {
        const bool foreign_ids = settings.foreign_image_aliases;
        const bool may_be_alias =
            images::alias_name(mention.text) || (foreign_ids && images::is_image_id(mention.text));
        if (!may_be_alias) return mention.text;
        return database.read([&](Session& session) {
            return resolve(session, scope_of(caller, mention), mention, foreign_ids);
        });
    };
}

}  // namespace kiln::api
