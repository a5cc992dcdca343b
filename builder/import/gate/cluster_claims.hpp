#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "builder/import/gate/arithmetic.hpp"

namespace kiln::builder::gate {

/// Which clusters of a qcow2 file are spoken for: in an image that is whole each has one use.
class ClusterClaims {
  public:
    /// One bit each, so 32 MiB.
    static constexpr std::uint64_t most_clusters = 1ULL << 28;

    /// Refuses a file of more clusters.
    ClusterClaims(std::uint64_t file_size, std::uint32_t cluster_bits);

    /// Refuses what does not begin at a cluster, does not lie in the file, or is in use already;
    /// `what` names it ("the L1 table"). Of no length: nothing to claim.
    void claim(std::string_view what, const Range& range);
    /// The same of a cluster of guest data, of which the file may hold only the beginning.
    void claim_data(std::uint64_t offset);
    /// Refuses compressed data that begins where there is no room for any. Several clusters' lie in
    /// one, so the cluster is not claimed.
    void check_compressed(std::uint64_t offset) const;

  private:
    bool is_claimed(std::uint64_t cluster) const {
        return (claimed_[cluster / 64] >> (cluster % 64) & 1) != 0;
    }
    void mark(std::string_view what, std::uint64_t cluster);

    std::uint64_t file_size_;
    std::uint32_t cluster_bits_;
    std::vector<std::uint64_t> claimed_;
};

}  // namespace kiln::builder::gate
