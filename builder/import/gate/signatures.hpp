#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "builder/import/gate/byte_source.hpp"
#include "builder/import/gate/gate.hpp"

namespace kiln::builder::gate {

/// What a file's bytes say that it is.
struct Signature {
    std::string_view name;             // "qcow2", "gzip"
    std::optional<DiskFormat> format;  // absent: nothing that can be imported
    std::string_view advice;           // what to do about one that cannot
};

/// A file system of a CD, which a disk that boots both ways may begin with.
inline constexpr std::string_view iso_9660 = "ISO 9660";

/// Every signature that the file bears at one of the places where some program would look for one.
/// A raw disk bears none.
std::vector<Signature> signatures_of(const ByteSource& source);

}  // namespace kiln::builder::gate
