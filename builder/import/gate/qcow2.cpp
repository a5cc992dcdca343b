#include "builder/import/gate/qcow2.hpp"

#include "builder/import/gate/cluster_claims.hpp"
#include "builder/import/gate/qcow2_directories.hpp"
#include "builder/import/gate/qcow2_header.hpp"
#include "builder/import/gate/qcow2_tables.hpp"
#include "builder/import/gate/virtual_size.hpp"

namespace kiln::builder::gate {

Bytes inspect_qcow2(const ByteSource& source) {
    const Qcow2Header header = read_qcow2_header(source);
    const Bytes virtual_size = checked_virtual_size("qcow2", header.size);
    ClusterClaims claims(source.size(), header.cluster_bits);
    claims.claim("the header", {0, header.length});
    claim_refcounts(source, header, claims);
    claims.claim("the L1 table", header.l1_table());
    claim_snapshots(source, header, claims);
    claim_bitmaps(source, header, claims);
    claim_mapping(source, header, claims);
    return virtual_size;
}

}  // namespace kiln::builder::gate
