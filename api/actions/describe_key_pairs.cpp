#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/shapes/common.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/catalog/key_pair.hpp"

namespace kiln::api {

namespace {

struct View {
    images::KeyPair key_pair;
    std::vector<images::Tag> tags;
    bool with_public_key;
};

struct Result {
    std::vector<View> views;
};
using Values = std::vector<std::string>;

Structure<Result> output() {
    const auto item =
        Structure<View>()
            .text("KeyPairId", "keyPairId", [](const View& v) { return v.key_pair.id.str(); })
            .text("KeyName", "keyName", [](const View& v) { return v.key_pair.name; })
            .text("KeyType", "keyType", [](const View& v) { return v.key_pair.type; })
            .text("KeyFingerprint", "keyFingerprint",
                  [](const View& v) { return v.key_pair.fingerprint; })
            .text("PublicKey", "publicKey",
                  [](const View& v) -> std::optional<std::string> {
                      if (!v.with_public_key) return std::nullopt;
                      return v.key_pair.public_key;
                  })
            .text("CreateTime", "createTime",
                  [](const View& v) { return format_time(v.key_pair.created); })
            .list(
                "Tags", "tagSet", tag_structure(),
                [](const View& v) -> const auto& { return v.tags; });
    return Structure<Result>().list(
        "KeyPairs", "keySet", item, [](const Result& r) -> const auto& { return r.views; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"fingerprint", [](const View& v) { return Values{v.key_pair.fingerprint}; }},
         {"key-name", [](const View& v) { return Values{v.key_pair.name}; }},
         {"key-pair-id", [](const View& v) { return Values{v.key_pair.id.str()}; }}},
        [](const View& v) -> const auto& { return v.tags; });
    return table;
}

/// All or nothing: each name and id must be there.
void keep_requested(std::vector<View>& views, const Values& names, const Values& ids) {
    if (names.empty() && ids.empty()) return;
    const auto name_of = [](const View& v) { return v.key_pair.name; };
    const auto id_of = [](const View& v) { return v.key_pair.id.str(); };
    const auto refuse = [](const std::string& wanted) {
        throw Error("InvalidKeyPair.NotFound", wanted,
                    "The key pair '" + wanted + "' does not exist");
    };
    for (const std::string& name : names) {
        if (std::ranges::find(views, name, name_of) == views.end()) refuse(name);
    }
    for (const std::string& id : ids) {
        if (std::ranges::find(views, id, id_of) == views.end()) refuse(id);
    }
    std::erase_if(views, [&](const View& v) {
        return std::ranges::find(names, name_of(v)) == names.end() &&
               std::ranges::find(ids, id_of(v)) == ids.end();
    });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const bool with_public_key = arguments.boolean("IncludePublicKey").value_or(false);
    Result result;
    services.database.read([&](Session& session) {
        const auto tags = images::tags_by_resource(session, caller.scope());
        for (images::KeyPair& key_pair : images::list_key_pairs(session, caller.scope())) {
            const auto own_tags = tags.find(key_pair.id.str());
            result.views.push_back(
                {.key_pair = std::move(key_pair), .with_public_key = with_public_key});
            if (own_tags != tags.end()) result.views.back().tags = own_tags->second;
        }
    });
    keep_requested(result.views, arguments.texts("KeyName"), arguments.texts("KeyPairId"));
    filters().apply(filters_of(arguments), result.views);
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_key_pairs() {
    return with_handler<Result>(
        {.name = "DescribeKeyPairs",
         .summary = "Show your key pairs",
         .example = "kiln describe-key-pairs",
         .parameters = {{.name = "KeyNames",
                         .wire = "KeyName",
                         .list = true,
                         .help = "Names of the key pairs to show"},
                        {.name = "KeyPairIds",
                         .wire = "KeyPairId",
                         .list = true,
                         .help = "Ids of the key pairs to show"},
                        {.name = "IncludePublicKey",
                         .wire = "IncludePublicKey",
                         .shape = Shape::boolean,
                         .help = "Also show the public keys"},
                        filters_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "KeyPairs",
                   .columns = {"KeyPairId", "KeyName", "KeyType", "CreateTime", "KeyFingerprint"}}},
        output(), handle);
}

}  // namespace kiln::api
