#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "builder/offline/mounted_system.hpp"
#include "builder/recipe/step.hpp"

namespace kiln::builder {

/// The steps that need no boot, a file each. All throw Error{BuildFailed} that says what to mend,
/// and Error{Canceled} after a stop.

void write_files(MountedSystem& system, const FilesStep& step);

void make_users(MountedSystem& system, const UsersStep& step, const StepLog& log);
/// The command that makes a user who does not exist, and the one that changes who does; none when
/// nothing is to change. Pure.
std::vector<std::string> useradd(const UserEntry& user);
std::vector<std::string> usermod(const UserEntry& user);
/// The content of authorized_keys with the lines that it lacks. Pure.
std::string with_keys(const std::string& present, const std::vector<std::string>& keys);

/// Runs the script; within `time_limit`.
void run_script(MountedSystem& system, const RunStep& step, std::chrono::seconds time_limit,
                const StepLog& log);

}  // namespace kiln::builder
