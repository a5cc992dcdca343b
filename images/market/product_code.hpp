#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/database.hpp"

namespace kiln::images {

struct Image;
struct Scope;

/// The product codes of images, instances, volumes and snapshots, by the resource's id. What is
/// made of a resource has its codes, too, and nothing takes them away.

/// Sorted.
std::vector<std::string> product_codes_of(Session& session, const std::string& resource_id);
/// Those of all resources that have any: one query for lists of resources.
using ProductCodes = std::map<std::string, std::vector<std::string>>;
ProductCodes all_product_codes(Session& session);
/// Those of one of them; empty: it has none.
const std::vector<std::string>& product_codes_of(const ProductCodes& codes,
                                                 const std::string& resource_id);
/// Those of the instances in the scope.
ProductCodes instance_product_codes(Session& session, const Scope& scope);

/// Again is no error.
void add_product_codes(Session& session, const std::string& resource_id,
                       const std::vector<std::string>& codes);
/// Gives what was made (`to`) the codes of what it was made of.
void inherit_product_codes(Session& session, const std::string& from, const std::string& to);
/// Gives an image the codes of its snapshots.
void inherit_product_codes(Session& session, const Image& image);

}  // namespace kiln::images
