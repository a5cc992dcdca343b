#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"

namespace kiln::images {

/// Where images, snapshots, volumes, instances and key pairs live.
struct Region {
    std::string name;
    std::string pool;  // a directory; a relative one is below the state directory
    std::string libvirt_uri;
    Time created;
    std::vector<std::string> zones;  // at least one, in the order in which they were given
};

/// Throws Error{RegionAlreadyExists}, and Error{InvalidParameterValue} when another region has one
/// of its zones or its pool.
void check_new_region(Session& session, const Region& region);
/// Inserts the region, or overwrites the one of that name; `created` stays. Throws
/// Error{InvalidParameterValue} as check_new_region does.
void put_region(Session& session, const Region& region);
std::optional<Region> find_region(Session& session, const std::string& name);
/// Oldest first.
std::vector<Region> list_regions(Session& session);
/// Forgets the region, and what tombstones of resources it has. Ask describe_holdings first.
void delete_region(Session& session, const std::string& name);

/// What the region holds, for a person: "2 images, 1 volume"; empty when nothing stands in the way
/// of its deletion. Whoever owns it.
std::string describe_holdings(Session& session, const std::string& region);

}  // namespace kiln::images
