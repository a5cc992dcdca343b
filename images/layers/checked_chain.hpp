#pragma once

#include <string>
#include <vector>

#include "images/catalog/layer.hpp"
#include "images/layers/pool.hpp"

namespace kiln {
class Database;
}

namespace kiln::images {

/// The chain of a layer, as layer_chain(), whose files were seen to name each other as the catalog
/// has it: to be asked for before a program follows the names in them. Throws Error{InternalError}
/// for a file that names another.
std::vector<Layer> checked_chain(Database& database, const Pool& pool, const std::string& region,
                                 const LayerId& top);

}  // namespace kiln::images
