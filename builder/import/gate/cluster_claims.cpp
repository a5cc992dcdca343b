#include "builder/import/gate/cluster_claims.hpp"

#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

std::uint64_t checked_clusters(std::uint64_t file_size, std::uint64_t cluster_size) {
    const std::uint64_t clusters = divide_up(file_size, cluster_size);
    if (clusters <= ClusterClaims::most_clusters) return clusters;
    refuse("qcow2", fmt::format("the file has {} clusters, more than {}; give it larger ones:"
                                " qemu-img convert -O qcow2 -o cluster_size=2M FILE NEW",
                                clusters, ClusterClaims::most_clusters));
}

}  // namespace

ClusterClaims::ClusterClaims(std::uint64_t file_size, std::uint32_t cluster_bits)
    : file_size_(file_size),
      cluster_bits_(cluster_bits),
      claimed_(divide_up(checked_clusters(file_size, 1ULL << cluster_bits), 64)) {}

// Both claims are made for millions of tables and clusters, so they do without a division.
void ClusterClaims::claim(std::string_view what, const Range& range) {
    if (range.length == 0) return;
    const std::uint64_t within_cluster = (1ULL << cluster_bits_) - 1;
    if ((range.offset & within_cluster) != 0) {
        refuse("qcow2", fmt::format("{} at offset {} does not begin at a cluster (of {} bytes); {}",
                                    what, range.offset, within_cluster + 1, mend_qcow2));
    }
    // The file may end within its last cluster.
    const std::uint64_t end = add(file_size_, within_cluster) & ~within_cluster;
    if (range.offset >= file_size_ || !range.is_within(end)) {
        refuse("qcow2", fmt::format("{} of {} bytes at offset {} lies past the end of the file; "
                                    "copy the file again",
                                    what, range.length, range.offset));
    }
    const std::uint64_t first = range.offset >> cluster_bits_;
    const std::uint64_t last = (range.offset + range.length - 1) >> cluster_bits_;
    for (std::uint64_t cluster = first; cluster <= last; ++cluster)
        mark(what, cluster);
}

void ClusterClaims::claim_data(std::uint64_t offset) {
    constexpr std::string_view what = "a data cluster";
    const std::uint64_t cluster = offset >> cluster_bits_;
    const bool is_inside = offset < file_size_ && cluster << cluster_bits_ == offset;
    if (!is_inside) return claim(what, {offset, 1});
    mark(what, cluster);
}

void ClusterClaims::check_compressed(std::uint64_t offset) const {
    if (offset >= file_size_) {
        refuse("qcow2", fmt::format("compressed data at offset {} lies past the end of the file; "
                                    "copy the file again",
                                    offset));
    }
    if (is_claimed(offset >> cluster_bits_)) {
        refuse("qcow2", fmt::format("compressed data at offset {} lies in a cluster that has "
                                    "another use: used twice; {}",
                                    offset, mend_qcow2));
    }
}

void ClusterClaims::mark(std::string_view what, std::uint64_t cluster) {
    if (is_claimed(cluster)) {
        refuse("qcow2", fmt::format("{} lies on the cluster at offset {}, which has a use already: "
                                    "used twice; {}",
                                    what, cluster << cluster_bits_, mend_qcow2));
    }
    claimed_[cluster / 64] |= 1ULL << (cluster % 64);
}

}  // namespace kiln::builder::gate
