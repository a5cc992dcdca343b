#include "builder/inspection/disk_difference.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

namespace kiln::builder {

namespace {

constexpr std::uint32_t permission_bits = 07777;

std::uint32_t type_of(const FileEntry& entry) {
    return entry.mode & S_IFMT;
}

bool is_regular(const FileEntry& entry) {
    return S_ISREG(entry.mode);
}

bool is_device(const FileEntry& entry) {
    return S_ISCHR(entry.mode) || S_ISBLK(entry.mode);
}

/// Steps through two sorted lists at once; nullptr for the side on which the path is not.
void for_each_path(const std::vector<FileEntry>& before, const std::vector<FileEntry>& after,
                   const std::function<void(const FileEntry*, const FileEntry*)>& visit) {
    auto old_entry = before.begin();
    auto new_entry = after.begin();
    while (old_entry != before.end() || new_entry != after.end()) {
        const bool only_new = old_entry == before.end() ||
                              (new_entry != after.end() && new_entry->path < old_entry->path);
        const bool only_old = new_entry == after.end() ||
                              (old_entry != before.end() && old_entry->path < new_entry->path);
        visit(only_new ? nullptr : &*old_entry, only_old ? nullptr : &*new_entry);
        if (!only_new) ++old_entry;
        if (!only_old) ++new_entry;
    }
}

bool may_differ(const FileEntry& before, const FileEntry& after, bool same_file_system) {
    if (!is_regular(before) || !is_regular(after) || before.size != after.size) return false;
    if (before.size == 0) return false;
    if (before.modified_ns != after.modified_ns) return true;
    return same_file_system &&
           (before.inode != after.inode || before.changed_ns != after.changed_ns);
}

std::optional<FileChange> change_of(const FileEntry& before, const FileEntry& after,
                                    const std::set<std::string>& other_contents) {
    FileChange change{.change = Change::changed, .before = before, .after = after};
    change.type = type_of(before) != type_of(after);
    change.mode =
        (before.mode & permission_bits) != (after.mode & permission_bits) && !S_ISLNK(after.mode);
    change.owner = before.uid != after.uid || before.gid != after.gid;
    if (!change.type && is_regular(before))
        change.content = before.size != after.size || other_contents.contains(before.path);
    if (!change.type && S_ISLNK(before.mode)) change.target = before.target != after.target;
    if (!change.type && is_device(before)) change.target = before.device != after.device;
    if (change.type || change.content || change.mode || change.owner || change.target)
        return change;
    return std::nullopt;
}

using PackageName = std::pair<std::string, std::string>;  // with its architecture
using Versions = std::vector<std::string>;

std::map<PackageName, std::pair<Versions, Versions>> by_name(const std::vector<Package>& before,
                                                             const std::vector<Package>& after) {
    std::map<PackageName, std::pair<Versions, Versions>> names;
    for (const Package& package : before)
        names[{package.name, package.architecture}].first.push_back(package.version);
    for (const Package& package : after)
        names[{package.name, package.architecture}].second.push_back(package.version);
    return names;
}

/// Sorted, without those that are in the other list.
Versions without(Versions versions, Versions others) {
    std::ranges::sort(versions);
    std::ranges::sort(others);
    Versions left;
    std::ranges::set_difference(versions, others, std::back_inserter(left));
    return left;
}

}  // namespace

std::vector<PackageChange> package_changes(const std::vector<Package>& before,
                                           const std::vector<Package>& after) {
    std::vector<PackageChange> changes;
    for (const auto& [name, versions] : by_name(before, after)) {
        const Versions gone = without(versions.first, versions.second);
        const Versions come = without(versions.second, versions.first);
        const auto add = [&](Change change, const std::string& old, const std::string& now) {
            changes.push_back({change, name.first, name.second, old, now});
        };
        const bool is_other_version =
            versions.first.size() == 1 && versions.second.size() == 1 && !gone.empty();
        if (is_other_version) {
            add(Change::changed, gone.front(), come.front());
            continue;
        }
        for (const std::string& version : gone)
            add(Change::removed, version, "");
        for (const std::string& version : come)
            add(Change::added, "", version);
    }
    return changes;
}

std::vector<std::string> contents_to_compare(const DiskContent& before, const DiskContent& after) {
    const bool same_file_system =
        !before.file_system.empty() && before.file_system == after.file_system;
    std::vector<std::string> paths;
    for_each_path(before.files, after.files, [&](const FileEntry* a, const FileEntry* b) {
        if (a != nullptr && b != nullptr && may_differ(*a, *b, same_file_system))
            paths.push_back(a->path);
    });
    return paths;
}

std::vector<FileChange> file_changes(const DiskContent& before, const DiskContent& after,
                                     const std::set<std::string>& other_contents) {
    std::vector<FileChange> changes;
    for_each_path(before.files, after.files, [&](const FileEntry* a, const FileEntry* b) {
        if (a == nullptr) {
            changes.push_back({.change = Change::added, .after = *b});
        } else if (b == nullptr) {
            changes.push_back({.change = Change::removed, .before = *a});
        } else if (auto change = change_of(*a, *b, other_contents)) {
            changes.push_back(*std::move(change));
        }
    });
    return changes;
}

}  // namespace kiln::builder
