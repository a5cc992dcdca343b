#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "builder/inspection/compare_disks.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"

namespace kiln::launcher {
class Regions;
}

namespace kiln::builder {

struct ImagesToCompare {
    ImageId before;
    ImageId after;
    std::string below = {};
    bool packages_only = false;
};

struct ComparedImages {
    images::Image before;
    images::Image after;
    DiskDifference difference;
};

/// Compares the systems on the root disks of two images of the caller's region, each of which is
/// the caller's or one that it may launch now. Throws what compare_disks() throws, what launches of
/// such images throw, and Error{UnsupportedOperation} for an encrypted root and one of an instance
/// store. Any thread.
ComparedImages compare_images(Database& database, const launcher::Regions& regions,
                              const hypervisor::Accelerators& accelerators,
                              const images::Caller& caller, const ImagesToCompare& wanted,
                              Time now);

}  // namespace kiln::builder
