#pragma once

#include <string>
#include <vector>

#include "builder/import/gate/arithmetic.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// A file in an archive.
struct TarEntry {
    std::string name;  // without any directory
    Range content;     // within the archive
};

inline constexpr std::size_t most_tar_entries = 64;

/// The files of a tar archive (POSIX ustar, or GNU tar's likewise) that holds nothing but plain
/// files side by side: no directories, links, devices, sparse files, extended headers or names
/// that stand twice, and only zeros after its end. Throws Error{InvalidParameterValue}.
std::vector<TarEntry> read_tar(const ByteSource& source);

}  // namespace kiln::builder::gate
