#pragma once

#include "builder/import/gate/byte_source.hpp"
#include "builder/import/gate/cluster_claims.hpp"
#include "builder/import/gate/qcow2_header.hpp"

namespace kiln::builder::gate {

/// Claims the table of internal snapshots and their L1 tables; refuses what does not lie in the
/// file. The import drops them. Throws Error{InvalidParameterValue}, as does the other.
void claim_snapshots(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims);
/// The same of the directory of bitmaps and their tables.
void claim_bitmaps(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims);

}  // namespace kiln::builder::gate
