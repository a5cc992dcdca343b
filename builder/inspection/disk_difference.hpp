#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "builder/inspection/disk_content.hpp"

namespace kiln::builder {

enum class Change { added, removed, changed };

struct PackageChange {
    Change change = Change::changed;
    std::string name;
    std::string architecture;
    std::string before;  // version; empty of an added one
    std::string after;   // empty of a removed one
};

struct FileChange {
    Change change = Change::changed;
    std::optional<FileEntry> before;  // nullopt of an added one
    std::optional<FileEntry> after;   // nullopt of a removed one
    // What of a changed one is other than it was.
    bool type = false;
    bool content = false;
    bool mode = false;
    bool owner = false;
    bool target = false;  // of a symbolic link or a device file

    const std::string& path() const { return before ? before->path : after->path; }
};

/// By name and architecture. Of a package that is there in several versions, as kernels of some
/// distributions, each is one that was added or removed.
std::vector<PackageChange> package_changes(const std::vector<Package>& before,
                                           const std::vector<Package>& after);

/// Paths of files that are on both disks, whose size is the same, and of which it is not known
/// whether their content is: those that were modified at another time. On a file system that both
/// come from (its UUID is the same) those, too, that were touched since in whatever way, for there
/// a time of modification that was set back shows.
std::vector<std::string> contents_to_compare(const DiskContent& before, const DiskContent& after);

/// Sorted by path. `other_contents`: of contents_to_compare() those whose content is another. Sizes
/// and times of directories, and the number of links, are no change.
std::vector<FileChange> file_changes(const DiskContent& before, const DiskContent& after,
                                     const std::set<std::string>& other_contents);

}  // namespace kiln::builder
