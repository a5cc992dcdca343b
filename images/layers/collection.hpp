#pragma once

#include <string>
#include <vector>

#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/layers/pool.hpp"

namespace kiln::images {

/// Removes every layer of the region that no volume and no snapshot needs: row to deleting, file
/// gone, row gone, children before parents. Returns what was removed. Safe to run again after a
/// crash.
std::vector<LayerId> collect_layers(Database& database, const Pool& pool,
                                    const std::string& region);

/// At a start of the service: recovers merges, removes layer rows in state creating and deleting
/// that no operation owns, and reports (logs) files of the pool without a row and rows without a
/// file. Files without a row whose names are a layer's are removed; other files are left alone.
void reconcile_pool(Database& database, const Pool& pool, const std::string& region);

}  // namespace kiln::images
