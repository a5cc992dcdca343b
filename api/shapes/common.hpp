#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/output/structure.hpp"
#include "api/protocol/arguments.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln::api {

/// Shapes and readers of arguments that several actions share.

const Structure<images::Tag>& tag_structure();
/// {"Code", "Message"}
const Structure<images::StateReason>& state_reason_structure();
std::optional<images::StateReason> state_reason_of(const images::StateReason& reason);

/// {"ProductCodeId", "ProductCodeType"} of a product code.
const Structure<std::string>& product_code_structure();

/// nullopt for an empty text: EC2 leaves it out.
std::optional<std::string> if_any(const std::string& text);
std::optional<std::string> if_any(const std::optional<Time>& time);
/// EC2's words for the platform "windows", and for none.
std::string platform_details(const std::string& platform);
std::string usage_operation(const std::string& platform);

/// Throws Error{InvalidParameterValue} for what is neither a date nor a time.
std::optional<Time> time_of(const Arguments& arguments, const std::string& wire);

/// {"Value": …}: how EC2 answers an attribute.
const Structure<std::string>& value_structure();
const Structure<bool>& boolean_value_structure();
/// "Attribute", required: one of those.
Parameter attribute_parameter(const char* help, std::vector<std::string> choices);

/// "InstanceIds" (wire "InstanceId"), "ImageIds" and the like.
Parameter ids_parameter(const std::string& wire, const std::string& help, bool required = false);

/// The ids of a list of them; throws the kind's Malformed error.
template <class SomeId>
std::vector<SomeId> ids_of(const Arguments& arguments, std::string_view wire) {
    std::vector<SomeId> ids;
    for (const std::string& text : arguments.texts(wire))
        ids.push_back(SomeId(text));
    return ids;
}

/// Keeps the items with the ids, all or nothing; no ids keep all. `not_found` makes the error.
template <class T, class SomeId>
void keep_ids(std::vector<T>& items, const std::vector<SomeId>& ids,
              const std::function<const SomeId&(const T&)>& id_of,
              const std::function<Error(const SomeId&)>& not_found) {
    if (ids.empty()) return;
    for (const SomeId& id : ids) {
        const bool found =
            std::ranges::any_of(items, [&](const T& item) { return id_of(item) == id; });
        if (!found) throw not_found(id);
    }
    std::erase_if(items,
                  [&](const T& item) { return std::ranges::find(ids, id_of(item)) == ids.end(); });
}

/// The tags that the TagSpecifications have for the resource type. Throws for a type that is none
/// of `allowed` and for tags that no one may set.
std::vector<images::Tag> tags_for(const Arguments& arguments, const std::string& resource_type,
                                  const std::vector<std::string>& allowed);

/// Encrypted and KmsKeyId, of a request or of the Ebs of a mapping.
launcher::EncryptionRequest encryption_of(const Arguments& arguments);
Parameter encrypted_parameter(const char* help);
Parameter kms_key_id_parameter();
/// How EC2 names the key of what an account has in a region.
std::optional<std::string> kms_key_arn(const std::optional<std::string>& key_id,
                                       const AccountId& owner, const std::string& region);

/// The BlockDeviceMapping.N of a request.
std::vector<launcher::BlockDeviceOverride> block_devices_of(const Arguments& arguments);

/// Throws Error{InvalidParameterCombination} when ids come with MaxResults, as EC2 does.
void check_ids_or_pages(const Arguments& arguments, std::string_view ids_wire);

}  // namespace kiln::api
