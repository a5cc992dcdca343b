#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/output/structure.hpp"
#include "api/protocol/parameter.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::api {

/// A snapshot with its tags.
struct SnapshotView {
    images::Snapshot snapshot;
    std::vector<images::Tag> tags;
    std::optional<int> copied_percent;  // while it is being copied
};
/// As DescribeSnapshots and CreateSnapshot answer it.
const Structure<SnapshotView>& snapshot_structure();
/// As CreateSnapshots answers it: the state's element has another name there.
const Structure<SnapshotView>& snapshot_info_structure();

/// EC2's volume id of a snapshot that was not taken from a volume where there is none.
std::string volume_of(const SnapshotView& view);
/// "100%" or "0%", and what is between when it is being copied: a layer is frozen in an instant.
std::string progress_of(const SnapshotView& view);

/// The attribute of a snapshot that can be changed.
inline constexpr const char* create_volume_permission = "createVolumePermission";

/// "SnapshotId" as several actions take it.
Parameter snapshot_id_parameter();

}  // namespace kiln::api
