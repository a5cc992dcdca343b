#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

namespace kiln {

/// Who may read a file besides its owner: users named by its POSIX access control list (acl(5)). A
/// later chmod takes it from all of them. All throw Error{InternalError} that names the path and
/// the cause, and may be called from any thread, for one file by one at a time.

/// Whether files in the directory can have such a list.
bool can_name_readers(const std::filesystem::path& directory);
/// One who is a reader already is no error; what a chmod took from the readers they have again.
void add_reader(const std::filesystem::path& file, uid_t user);
/// The user is the only reader from now on, whoever was named before, and with whatever rights.
void set_only_reader(const std::filesystem::path& file, uid_t user);
/// No such reader, and no such file, are no error.
void remove_reader(const std::filesystem::path& file, uid_t user);
/// None when there is no such file.
std::vector<uid_t> readers_of(const std::filesystem::path& file);

/// The user may reach what is in the directory, by its name, from now on.
void let_pass(const std::filesystem::path& directory, uid_t user);

}  // namespace kiln
