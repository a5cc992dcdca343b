#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kiln::builder {

/// Of one disk; more is refused.
struct FileLimits {
    std::size_t files = 1'000'000;
    std::size_t path_bytes = std::size_t{128} << 20U;
};

/// A file, directory, link or device as it lies on a disk. Nothing of it is trusted: paths and
/// targets are bytes, which need be no UTF-8.
struct FileEntry {
    std::string path;  // from the root: "/etc/passwd"
    std::uint32_t mode = 0;
    std::int64_t uid = 0;
    std::int64_t gid = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;  // st_mtime
    std::int64_t changed_ns = 0;   // st_ctime
    std::uint64_t inode = 0;
    std::uint64_t device = 0;  // of a device file
    std::string target = {};   // of a symbolic link
};

struct Package {
    std::string name;
    std::string architecture;
    std::string version;  // with epoch and release

    friend bool operator==(const Package&, const Package&) = default;
};

struct DiskContent {
    std::string file_system;                       // UUID; empty: it has none
    std::optional<std::vector<Package>> packages;  // nullopt: not known
    std::vector<FileEntry> files;                  // by path, each once
};

}  // namespace kiln::builder
