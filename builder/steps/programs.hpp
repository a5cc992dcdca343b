#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Programs of the packages tree for a root tree without packages: nothing of them needs to be
/// installed, and those of other architectures run here by qemu-user-static.

/// Runs a program of the packages tree; returns its standard output.
std::string run_guest_program(const Build& build, std::vector<std::string> arguments);

/// busybox, with a link for each of its applets, in usr/bin.
void install_busybox(const Build& build);
/// A program ("usr/sbin/dropbear", in the packages tree) in usr/bin, with the libraries that it
/// needs. Throws Error{BuildFailed} for a library that no package holds.
void install_program(const Build& build, const std::filesystem::path& program);

/// Copies a file with these permissions, and makes the directory for it.
void copy_as(const std::filesystem::path& from, const std::filesystem::path& to,
             std::filesystem::perms mode);
inline constexpr std::filesystem::perms executable = std::filesystem::perms(0755);

}  // namespace kiln::builder
