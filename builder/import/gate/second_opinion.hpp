#pragma once

#include "builder/import/gate/gate.hpp"

namespace kiln::builder::gate {

/// Asks libqcow about the metadata of a qcow2 file that has passed: it has to see the same virtual
/// size and no backing file. Guest data is never read through it, and what it does not support
/// (Zstandard, extended L2 entries, a disk within another file) it is not asked about.
///
/// The descriptor is of the file itself, which libqcow opens again, read-only, as
/// /proc/self/fd/N. Returns whether it was asked. Throws Error{InvalidParameterValue} when it sees
/// something else. Any thread.
bool ask_for_second_opinion(int fd, const InspectedDisk& disk);

}  // namespace kiln::builder::gate
