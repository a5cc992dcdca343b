#pragma once

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Makes the raw disk: a sparse file with its partition table and, in the root partition, an ext4
/// file system that holds the root tree (or the root archive, see make_debian_root). Needs no root
/// and no loop device: mke2fs writes into the file.
void make_disk(const Build& build);

}  // namespace kiln::builder
