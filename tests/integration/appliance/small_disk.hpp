#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "builder/inspection/disk_difference.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::builder {

/// A system's tree, and a disk with nothing but its file system.
class SmallDisk {
  public:
    /// All that is written has the same time, so that two disks are the same at first.
    void write(const std::string& path, const std::string& content) {
        const std::filesystem::path file = root() / path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << content;
        set_time(path, 1'000'000'000);
    }
    void link(const std::string& path, const std::string& target) {
        std::filesystem::create_directories((root() / path).parent_path());
        std::filesystem::create_symlink(target, root() / path);
    }
    void set_mode(const std::string& path, mode_t mode) {
        std::filesystem::permissions(root() / path, std::filesystem::perms(mode));
    }
    void set_time(const std::string& path, std::time_t time) {
        const std::array<timespec, 2> times{timespec{time, 0}, timespec{time, 0}};
        ASSERT_EQ(::utimensat(AT_FDCWD, (root() / path).c_str(), times.data(), 0), 0) << path;
    }
    /// What libguestfs takes for Debian.
    void make_debian(const std::string& packages) {
        write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n");
        write("etc/debian_version", "12.5\n");
        write("etc/fstab", "LABEL=root / ext4 defaults 0 1\nLABEL=boot /boot ext4 defaults 0 2\n");
        for (const char* directory : {"bin", "usr", "boot", "tmp"})
            std::filesystem::create_directories(root() / directory);
        write("var/lib/dpkg/status", packages);
    }
    std::filesystem::path make(const std::string& name = "disk") {
        const std::filesystem::path raw = directory_.path() / "disk.raw";
        const std::filesystem::path disk = directory_.path() / (name + ".qcow2");
        std::filesystem::create_directories(root());
        run_checked(
            {.arguments = {"mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root(), raw, "16M"}});
        run_checked({.arguments = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk}});
        return disk;
    }

  private:
    std::filesystem::path root() const { return directory_.path() / "root"; }

    tests::TemporaryDirectory directory_;
};

/// "changed /etc/motd content", …
inline std::vector<std::string> words(const std::vector<FileChange>& changes) {
    std::vector<std::string> words;
    for (const FileChange& change : changes) {
        std::string word = change.change == Change::added     ? "added "
                           : change.change == Change::removed ? "removed "
                                                              : "changed ";
        word += change.path();
        if (change.type) word += " type";
        if (change.content) word += " content";
        if (change.mode) word += " mode";
        if (change.owner) word += " owner";
        if (change.target) word += " target";
        words.push_back(word);
    }
    return words;
}

}  // namespace kiln::builder
