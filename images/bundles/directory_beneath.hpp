#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace kiln::images {

/// Directories and files below an open directory, one name at a time, so that no symbolic link is
/// ever followed. Errors are Error{InternalError} with the cause. Any thread.

/// A directory in `parent`; empty when there is none of that name.
Fd open_directory(const Fd& parent, const std::string& name);
/// The same, made with mode 0700 and synced when it is missing; empty when something else has the
/// name.
Fd open_or_make_directory(const Fd& parent, const std::string& name);
/// A regular file for reading; empty when there is none of that name.
Fd open_regular_file(const Fd& parent, const std::string& name);
Bytes size_of(const Fd& file);

struct FoundFile {
    std::string path;  // from the directory, with '/' between names
    Bytes size;
};
/// Calls `found` with each regular file below `directory` whose path begins with `prefix` and has
/// at most `max_depth` names, in no order. What appears or vanishes meanwhile is found or not.
void find_files(const Fd& directory, std::string_view prefix, std::size_t max_depth,
                const std::function<void(FoundFile)>& found);

}  // namespace kiln::images
