#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// What small systems without packages of their own have in common.

/// A file of steps/files in the root tree.
struct SystemFile {
    const char* source;  // "tiny/inittab"
    const char* target;  // "etc/inittab"
    int mode;
};

/// The empty directories and links of a root tree whose programs all lie in usr/bin.
void make_system_directories(const std::filesystem::path& root);
/// The directories of a finished root tree, which were made with the service's umask, are open to
/// all users of the system, but for root's own.
void let_everybody_pass(const std::filesystem::path& root);
/// Writes the files; "@console@" in them becomes where the kernel and init speak to people.
void install_system_files(const Build& build, std::span<const SystemFile> files,
                          const std::string& console);
void write_guest_file(const std::filesystem::path& path, std::string_view content, int mode);

}  // namespace kiln::builder
