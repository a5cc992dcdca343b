#include "images/catalog/tag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/address.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/launch_template.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/security_group.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/table.hpp"
#include "images/catalog/volume.hpp"

namespace kiln::images {

namespace {

struct TagRow {
    std::string resource_id;
    std::string resource_type;
    AccountId owner;
    std::string region;
    Tag tag;
};

struct TagTable {
    static constexpr const char* name = "tags";
    static TagRow blank() { return {.owner = placeholder_account()}; }
    static void columns(auto& column, auto& row) {
        column("resource_id", row.resource_id);
        column("resource_type", row.resource_type);
        column("owner", row.owner);
        column("region", row.region);
        column("key", row.tag.key);
        column("value", row.tag.value);
    }
};

bool is_reserved(std::string_view key) {
    constexpr std::string_view reserved = "aws:";
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    };
    return key.size() >= reserved.size() &&
           std::ranges::equal(key.substr(0, reserved.size()), reserved, same);
}

void check_tag_text(std::string_view what, const std::string& text, std::size_t longest) {
    const auto refuse = [&](const std::string& why) {
        throw Error(error_code::invalid_parameter_value, text, fmt::format("Tag {} {}", what, why));
    };
    const auto length = count_characters(text);
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
    if (!length || std::ranges::any_of(text, is_control)) {
        refuse("must be UTF-8 without control characters");
    }
    if (*length > longest) {
        refuse(fmt::format("exceeds the maximum length of {} characters", longest));
    }
}

void check_tag_count(Session& session, const Scope& scope, const std::string& resource_id,
                     const std::vector<Tag>& additional) {
    std::set<std::string> keys;
    for (const TagRow& row :
         select_rows<TagTable>(session, "where resource_id = :resource and owner = :owner",
                               {{"resource", resource_id}, {"owner", scope.owner.str()}})) {
        if (!is_reserved(row.tag.key)) keys.insert(row.tag.key);
    }
    for (const Tag& tag : additional)
        keys.insert(tag.key);
    if (keys.size() <= max_tags_per_resource) return;
    throw Error("TagLimitExceeded", resource_id,
                fmt::format("The resource '{}' would have {} tags: at most {} are allowed",
                            resource_id, keys.size(), max_tags_per_resource));
}

/// Refuses a deregistered one.
void check_sees_image(Session& session, const Scope& scope, const std::string& resource_id) {
    get_image(session, scope, ImageId(resource_id));
}

/// One that is not completed is its owner's alone.
void check_sees_snapshot(Session& session, const Scope& scope, const std::string& resource_id) {
    const SnapshotId id(resource_id);
    const auto snapshot = find_snapshot(session, id);
    const bool owned =
        snapshot && snapshot->owner == scope.owner && snapshot->region == scope.region;
    if (!owned) get_usable_snapshot(session, scope, id);
}

void check_owns_key_pair(Session& session, const Scope& scope, const std::string& resource_id) {
    Statement row(session,
                  "select 1 from key_pairs where key_pair_id = :id and owner = :owner"
                  " and region = :region",
                  {{"id", KeyPairId(resource_id).str()},
                   {"owner", scope.owner.str()},
                   {"region", scope.region}},
                  {ColumnType::number});
    if (row.next()) return;
    throw Error("InvalidKeyPair.NotFound", resource_id,
                fmt::format("The key pair '{}' does not exist", resource_id));
}

void check_owns_reservation(Session& session, const Scope& scope, const std::string& resource_id) {
    const auto instances = instances_of_reservation(session, ReservationId(resource_id));
    const bool owned = std::ranges::any_of(instances, [&](const Instance& instance) {
        return instance.owner == scope.owner && instance.region == scope.region;
    });
    if (owned) return;
    throw Error("InvalidReservationID.NotFound", resource_id,
                fmt::format("The reservation ID '{}' does not exist", resource_id));
}

/// What a kind of resource is called, how its ids begin, and who asks whether somebody may tag it.
struct ResourceKind {
    const char* type;
    const char* prefix;
    void (*check_may_tag)(Session&, const Scope&, const std::string&);
};

constexpr std::array resource_kinds{
    ResourceKind{"image", ImageId::prefix, check_sees_image},
    ResourceKind{"instance", InstanceId::prefix,
                 [](Session& session, const Scope& scope, const std::string& id) {
                     get_instance(session, scope, InstanceId(id));
                 }},
    ResourceKind{"volume", VolumeId::prefix,
                 [](Session& session, const Scope& scope, const std::string& id) {
                     get_volume(session, scope, VolumeId(id));
                 }},
    ResourceKind{"snapshot", SnapshotId::prefix, check_sees_snapshot},
    ResourceKind{"security-group", SecurityGroupId::prefix,
                 [](Session& session, const Scope& scope, const std::string& id) {
                     get_security_group(session, scope, SecurityGroupId(id));
                 }},
    ResourceKind{"network-interface", NetworkInterfaceId::prefix,
                 [](Session& session, const Scope& scope, const std::string& id) {
                     get_network_interface(session, scope, NetworkInterfaceId(id));
                 }},
    ResourceKind{"elastic-ip", AllocationId::prefix,
                 [](Session& session, const Scope& scope, const std::string& id) {
                     get_address(session, scope, AllocationId(id));
                 }},
    ResourceKind{"launch-template", LaunchTemplateId::prefix,
                 [](Session& session, const Scope& scope, const std::string& id) {
                     get_launch_template(session, scope, LaunchTemplateId(id));
                 }},
    ResourceKind{"key-pair", KeyPairId::prefix, check_owns_key_pair},
    ResourceKind{"reservation", ReservationId::prefix, check_owns_reservation},
};

const ResourceKind* kind_of(const std::string& resource_id) {
    const std::string prefix = resource_id.substr(0, resource_id.find('-'));
    const auto* found = std::ranges::find(resource_kinds, prefix, &ResourceKind::prefix);
    return found == resource_kinds.end() ? nullptr : found;
}

void write_tags(Session& session, const Scope& scope, const std::string& resource_id,
                const std::vector<Tag>& tags) {
    for (const Tag& tag : tags) {
        const TagRow row{.resource_id = resource_id,
                         .resource_type = resource_type_of(resource_id),
                         .owner = scope.owner,
                         .region = scope.region,
                         .tag = tag};
        delete_tag(session, scope, resource_id, tag.key);
        insert_row<TagTable>(session, row);
    }
}

}  // namespace

std::string resource_type_of(const std::string& resource_id) {
    const ResourceKind* kind = kind_of(resource_id);
    return kind == nullptr ? "" : kind->type;
}

void check_tag(const Tag& tag) {
    check_tag_text("key", tag.key, max_tag_key_length);
    check_tag_text("value", tag.value, max_tag_value_length);
    if (tag.key.empty()) {
        throw Error(error_code::invalid_parameter_value, "", "Tag key must not be empty");
    }
    check_not_reserved(tag.key);
}

void check_not_reserved(const std::string& key) {
    if (!is_reserved(key)) return;
    throw Error(
        error_code::invalid_parameter_value, key,
        fmt::format("Tag keys starting with 'aws:' are reserved for internal use: {}", key));
}

void set_tags(Session& session, const Scope& scope, const std::string& resource_id,
              const std::vector<Tag>& tags) {
    for (const Tag& tag : tags)
        check_tag(tag);
    check_tag_count(session, scope, resource_id, tags);
    write_tags(session, scope, resource_id, tags);
}

void set_system_tags(Session& session, const Scope& scope, const std::string& resource_id,
                     const std::vector<Tag>& tags) {
    write_tags(session, scope, resource_id, tags);
}

void delete_tag(Session& session, const Scope& scope, const std::string& resource_id,
                const std::string& key) {
    run_sql(session,
            "delete from tags where resource_id = :resource and owner = :owner and key = :key",
            {{"resource", resource_id}, {"owner", scope.owner.str()}, {"key", key}});
}

void delete_tag_with_value(Session& session, const Scope& scope, const std::string& resource_id,
                           const Tag& tag) {
    run_sql(session,
            "delete from tags where resource_id = :resource and owner = :owner and key = :key"
            " and value = :value",
            {{"resource", resource_id},
             {"owner", scope.owner.str()},
             {"key", tag.key},
             {"value", tag.value}});
}

void delete_tags(Session& session, const Scope& scope, const std::string& resource_id) {
    run_sql(session,
            "delete from tags where resource_id = :resource and owner = :owner"
            " and key not like 'aws:%'",
            {{"resource", resource_id}, {"owner", scope.owner.str()}});
}

void delete_all_tags(Session& session, const std::string& resource_id) {
    run_sql(session, "delete from tags where resource_id = :resource", {{"resource", resource_id}});
}

std::vector<TagDescription> list_tags(Session& session, const Scope& scope) {
    std::vector<TagDescription> tags;
    for (TagRow& row : select_rows<TagTable>(
             session, "where owner = :owner and region = :region order by resource_id, key",
             {{"owner", scope.owner.str()}, {"region", scope.region}})) {
        tags.push_back({.resource_id = std::move(row.resource_id),
                        .resource_type = std::move(row.resource_type),
                        .tag = std::move(row.tag)});
    }
    return tags;
}

std::vector<TaggedResource> resources_with_tag(Session& session, const std::string& key) {
    std::vector<TaggedResource> resources;
    for (TagRow& row :
         select_rows<TagTable>(session, "where key = :key order by resource_id", {{"key", key}})) {
        resources.push_back({.id = std::move(row.resource_id),
                             .scope = {.owner = row.owner, .region = row.region}});
    }
    return resources;
}

std::vector<Tag> tags_of(Session& session, const Scope& scope, const std::string& resource_id) {
    std::vector<Tag> tags;
    for (TagRow& row : select_rows<TagTable>(
             session,
             "where resource_id = :resource and owner = :owner and region = :region order by key",
             {{"resource", resource_id}, {"owner", scope.owner.str()}, {"region", scope.region}}))
        tags.push_back(std::move(row.tag));
    return tags;
}

TagsByResource tags_by_resource(Session& session, const Scope& scope) {
    Statement row(session,
                  "select resource_id, key, value from tags"
                  " where owner = :owner and region = :region",
                  {{"owner", scope.owner.str()}, {"region", scope.region}},
                  {ColumnType::text, ColumnType::text, ColumnType::text});
    TagsByResource tags;
    while (row.next())
        tags[row.text(0)].push_back({.key = row.text(1), .value = row.text(2)});
    for (auto& [resource, list] : tags)
        std::ranges::sort(list, {}, &Tag::key);
    return tags;
}

void check_may_tag(Session& session, const Scope& scope, const std::string& resource_id) {
    const ResourceKind* kind = kind_of(resource_id);
    if (kind == nullptr) {
        throw Error("InvalidID", resource_id, fmt::format("The ID '{}' is not valid", resource_id));
    }
    kind->check_may_tag(session, scope, resource_id);
}

}  // namespace kiln::images
