#include "images/catalog/image_alias.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t longest_part = 128;  // of a name, and of a tag

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name_character(char c) {
    return is_lower(c) || is_digit(c) || c == '.' || c == '_' || c == '-' || c == '/';
}

bool is_tag_character(char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

/// All that begins like the id of an image or a kernel is meant as one; of other kinds that which
/// has the digits, too.
bool looks_like_id(std::string_view text) {
    constexpr std::array<std::string_view, 4> of_images{"ami-", "aki-", "ari-", "eki-"};
    constexpr std::array<std::string_view, 11> of_others{
        "i-", "r-", "vol-", "snap-", "key-", "vpc-", "eni-", "subnet-", "sg-", "sgr-", "lt-"};
    constexpr std::size_t short_id = 8;
    constexpr std::size_t long_id = 17;
    if (std::ranges::any_of(of_images, [&](auto prefix) { return text.starts_with(prefix); }))
        return true;
    return std::ranges::any_of(of_others, [&](std::string_view prefix) {
        if (!text.starts_with(prefix)) return false;
        const std::string_view digits = text.substr(prefix.size());
        return (digits.size() == short_id || digits.size() == long_id) &&
               digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    });
}

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= longest_part &&
           (is_lower(name.front()) || is_digit(name.front())) &&
           std::ranges::all_of(name, is_name_character) && !looks_like_id(name);
}

bool is_tag(std::string_view tag) {
    return !tag.empty() && tag.size() <= longest_part && tag.front() != '.' && tag.front() != '-' &&
           std::ranges::all_of(tag, is_tag_character);
}

struct ImageAliasTable {
    static constexpr const char* name = "image_aliases";
    static ImageAlias blank() {
        return {.owner = placeholder_account(), .image = placeholder_id<ImageId>()};
    }
    static void columns(auto& column, auto& alias) {
        column("owner", alias.owner);
        column("region", alias.region);
        column("alias", alias.name);
        column("image_id", alias.image);
        column("updated", alias.updated);
    }
};

/// Whoever gives a tag means an alias; other words may be ids that were mistyped.
Error alias_not_found(const std::string& text, const std::string& name) {
    if (text == name) {
        return {"InvalidAMIID.NotFound", text,
                fmt::format("The image alias '{}' does not exist", text)};
    }
    return {"InvalidAMIID.Malformed", text,
            fmt::format("Invalid id: \"{}\" (expecting \"ami-\" and 17 hexadecimal digits, or an "
                        "image alias, and there is none that is '{}')",
                        text, name)};
}

void check_still_there(Session& session, const ImageAlias& alias) {
    const auto image = find_image(session, alias.image);
    if (image && image->state != ImageState::deregistered) return;
    throw Error("InvalidAMIID.Unavailable", alias.name,
                fmt::format("The image alias '{0}' stands for the image '{1}', which was "
                            "deregistered: move it with kiln tag-image {0} AMI",
                            alias.name, alias.image.str()));
}

void check_count(Session& session, const ImageAlias& alias) {
    Statement count(session,
                    "select count(*) from image_aliases where owner = :owner and region = :region",
                    {{"owner", alias.owner.str()}, {"region", alias.region}}, {ColumnType::number});
    if (!count.next() || count.number(0) < max_image_aliases) return;
    throw Error("ResourceLimitExceeded", alias.name,
                fmt::format("An account has at most {} image aliases in a region: delete one that "
                            "is not needed",
                            max_image_aliases));
}

}  // namespace

std::optional<std::string> alias_name(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const std::string_view tag =
        colon == std::string_view::npos ? default_alias_tag : text.substr(colon + 1);
    if (!is_name(name) || !is_tag(tag)) return std::nullopt;
    return fmt::format("{}:{}", name, tag);
}

bool is_image_id(std::string_view text) {
    try {
        const ImageId id{std::string(text)};
        return true;
    } catch (const Error&) {
        return false;
    }
}

std::string checked_alias_name(const std::string& text) {
    if (is_image_id(text)) return text;
    if (auto name = alias_name(text)) return *std::move(name);
    throw Error(error_code::invalid_parameter_value, text,
                fmt::format("Value ({}) for parameter Alias is invalid. An image alias is NAME or "
                            "NAME:TAG, as golden:v2: the name of lower-case letters, digits and "
                            ". _ - /, the tag of letters, digits and . _ -, each at most {} "
                            "characters long, and it does not look like an id",
                            text, longest_part));
}

std::string resolve_image_alias(Session& session, const Scope& scope, const std::string& text,
                                bool foreign_ids) {
    if (is_image_id(text)) {
        const auto alias = foreign_ids ? find_image_alias(session, scope, text) : std::nullopt;
        return alias ? alias->image.str() : text;
    }
    const auto name = alias_name(text);
    if (!name) return text;
    const auto alias = find_image_alias(session, scope, *name);
    if (!alias) throw alias_not_found(text, *name);
    check_still_there(session, *alias);
    return alias->image.str();
}

std::optional<ImageAlias> find_image_alias(Session& session, const Scope& scope,
                                           const std::string& name) {
    return select_row<ImageAliasTable>(
        session, "where owner = :owner and region = :region and alias = :alias",
        {{"owner", scope.owner.str()}, {"region", scope.region}, {"alias", name}});
}

std::optional<ImageId> set_image_alias(Session& session, const ImageAlias& alias) {
    const auto before =
        find_image_alias(session, {.owner = alias.owner, .region = alias.region}, alias.name);
    if (!before) {
        check_count(session, alias);
        insert_row<ImageAliasTable>(session, alias);
        return std::nullopt;
    }
    run_sql(session,
            "update image_aliases set image_id = :image, updated = :updated"
            " where owner = :owner and region = :region and alias = :alias",
            {{"image", alias.image.str()},
             {"updated", to_epoch_ms(alias.updated)},
             {"owner", alias.owner.str()},
             {"region", alias.region},
             {"alias", alias.name}});
    return before->image;
}

bool delete_image_alias(Session& session, const Scope& scope, const std::string& name) {
    if (!find_image_alias(session, scope, name)) return false;
    run_sql(session,
            "delete from image_aliases"
            " where owner = :owner and region = :region and alias = :alias",
            {{"owner", scope.owner.str()}, {"region", scope.region}, {"alias", name}});
    return true;
}

std::vector<ImageAlias> list_image_aliases(Session& session, const Scope& scope) {
    return select_rows<ImageAliasTable>(session,
                                        "where owner = :owner and region = :region order by alias",
                                        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<std::string> aliases_of(Session& session, const AccountId& owner,
                                    const ImageId& image) {
    std::vector<std::string> names;
    for (const ImageAlias& alias : select_rows<ImageAliasTable>(
             session, "where owner = :owner and image_id = :image order by alias",
             {{"owner", owner.str()}, {"image", image.str()}}))
        names.push_back(alias.name);
    return names;
}

}  // namespace kiln::images
