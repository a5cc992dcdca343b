#pragma once

#include "builder/import/gate/byte_source.hpp"
#include "builder/import/gate/cluster_claims.hpp"
#include "builder/import/gate/qcow2_header.hpp"

namespace kiln::builder::gate {

/// So many bytes of L2 tables are walked, of which each counts for 4 KiB at least: all of them up
/// to 1 TiB of data in clusters of 64 KiB. What lies in further ones is left to `qemu-img measure`.
inline constexpr std::uint64_t most_l2_bytes_walked = 128ULL << 20;

/// Claims the refcount table and its blocks. Throws Error{InvalidParameterValue}, as does the
/// other.
void claim_refcounts(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims);
/// Claims what the L1 table, which is claimed already, maps: every L2 table, then the clusters of
/// data that those name.
void claim_mapping(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims);

}  // namespace kiln::builder::gate
