#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::builder::gate {

/// What the descriptor of an OVA (DMTF DSP0243) says of files.
struct Ovf {
    std::vector<std::string> files;  // all that it refers to
    std::vector<std::string> disks;  // those that are disks, in its order; at least one
};

/// Throws Error{InvalidParameterValue} when it is no OVF, when a file lies elsewhere, is compressed
/// or in pieces, and when a disk has no file, a parent, or the file of another.
Ovf parse_ovf(std::string_view xml);

}  // namespace kiln::builder::gate
