#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/database.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

inline constexpr std::size_t max_tags_per_resource = 50;
inline constexpr std::size_t max_tag_key_length = 128;    // characters
inline constexpr std::size_t max_tag_value_length = 256;  // characters

struct Tag {
    std::string key;
    std::string value;
};

struct TagDescription {
    std::string resource_id;
    std::string
        resource_type;  // "image", "instance", "volume", "snapshot", "key-pair", "reservation"
    Tag tag;
};

/// "ami-…" → "image", "i-…" → "instance" and so on; nullopt-like "" for an id of no known kind.
std::string resource_type_of(const std::string& resource_id);

/// Throws Error{InvalidParameterValue} (key empty or too long, "aws:" prefix) for a tag no one may
/// set.
void check_tag(const Tag& tag);
/// Throws Error{InvalidParameterValue} for a key with the prefix "aws:", which the service alone
/// sets.
void check_not_reserved(const std::string& key);

/// Tags are an account's own: on a resource that is shared with it, it has others than the owner,
/// and neither sees the other's.

/// Sets (adds or overwrites) the caller's tags on a resource; the caller has checked that it
/// exists. Throws Error{TagLimitExceeded} past max_tags_per_resource.
void set_tags(Session& session, const Scope& scope, const std::string& resource_id,
              const std::vector<Tag>& tags);
/// Sets tags whose keys begin with "aws:"; nobody can change or delete them, and they do not count.
void set_system_tags(Session& session, const Scope& scope, const std::string& resource_id,
                     const std::vector<Tag>& tags);
/// Deletes the caller's tag with the key; none is no error.
void delete_tag(Session& session, const Scope& scope, const std::string& resource_id,
                const std::string& key);
/// Only when it has the value.
void delete_tag_with_value(Session& session, const Scope& scope, const std::string& resource_id,
                           const Tag& tag);
/// All that the caller has set.
void delete_tags(Session& session, const Scope& scope, const std::string& resource_id);
/// Those of all accounts, when the resource goes.
void delete_all_tags(Session& session, const std::string& resource_id);

/// The caller's tags in the region, sorted by resource and key.
std::vector<TagDescription> list_tags(Session& session, const Scope& scope);
/// Those of one resource, sorted by key.
std::vector<Tag> tags_of(Session& session, const Scope& scope, const std::string& resource_id);
/// The same by resource id, for listings.
using TagsByResource = std::unordered_map<std::string, std::vector<Tag>>;
TagsByResource tags_by_resource(Session& session, const Scope& scope);

struct TaggedResource {
    std::string id;
    Scope scope;  // of the account whose tag it is
};
/// All resources with a tag of that key, whoever owns them: for the service's own work.
std::vector<TaggedResource> resources_with_tag(Session& session, const std::string& key);

/// Throws the resource's own NotFound error unless the caller owns a resource with that id, or it
/// is an image or a snapshot that is shared with them (Error{InvalidID} "The ID 'x' is not valid"
/// for an id of no known kind).
void check_may_tag(Session& session, const Scope& scope, const std::string& resource_id);

}  // namespace kiln::images
