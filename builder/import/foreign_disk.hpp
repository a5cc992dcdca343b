#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// A file that somebody else made, in a directory of its own in the pool, whose name its maker does
/// not know; nobody but the service writes to it.
struct ForeignFile {
    std::filesystem::path file;
    std::string format;  // what its maker says that it is, EC2's word in any case; or empty
    std::string sha256;  // so too; or empty
};

struct Cleaning {
    const images::Pool& pool;
    Bytes free_space_reserve;
    unsigned slot = 0;  // of those that clean at once
    /// Throws when a disk may not be as large.
    std::function<void(Bytes virtual_size)> check_size;
    std::function<void(int percent, const std::string& step)> on_progress;
    std::stop_token stop;
};

/// What came of a disk: a qcow2 file that stands on nothing, without snapshots and whatever else
/// its format allows, synced.
struct CleanDisk {
    std::filesystem::path file;
    Bytes size;  // virtual
};

/// The disks of a file, made anew beside it as disk-0.qcow2 and so on: first the gate looks at its
/// header, then qemu-img measures, checks and converts it as a user whom nobody else is, within
/// limits. Throws Error{InvalidDisk} that says what is wrong with it, and what the functions of
/// `cleaning` throw. Any thread.
std::vector<CleanDisk> clean(const ForeignFile& file, const Cleaning& cleaning);

}  // namespace kiln::builder
