#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "api/protocol/query.hpp"

namespace kiln::api {

/// An event has no more; what a request names comes before what is answered.
inline constexpr std::size_t most_named_resources = 100;

/// Adds whom and what the parameters name: ids of resources, accounts, users, keys and units, ARNs,
/// product codes, names of key pairs, groups, buckets and regions. Texts in which somebody wrote an
/// id are none.
void add_named(const WirePairs& parameters, std::set<std::string>& resources);
/// The same of a response's elements, but for the request's own id and owners.
void add_answered(std::string_view xml, std::set<std::string>& resources);

}  // namespace kiln::api
