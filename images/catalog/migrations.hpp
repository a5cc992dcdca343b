#pragma once

#include <vector>

#include "base/database.hpp"

namespace kiln::images {

/// The catalog's schema, from images/catalog/migrations/*.sql, oldest first.
std::vector<Migration> migrations();

}  // namespace kiln::images
