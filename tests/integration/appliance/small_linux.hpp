#pragma once

#include <filesystem>
#include <string>

namespace kiln::tests {

/// The tree of a Linux of busybox, with which the file system of a disk is made.
class SmallLinux {
  public:
    /// Makes the tree in a new directory.
    explicit SmallLinux(std::filesystem::path tree);

    /// Puts a file into it; directories that are missing are made.
    void write(const std::string& path, const std::string& content, int mode = 0644) const;
    void link(const std::string& path, const std::string& target) const;
    /// A qcow2 file of 96 MiB, whose file system has no partition around it.
    void make_disk(const std::filesystem::path& qcow2) const;

  private:
    std::filesystem::path tree_;
};

/// A qcow2 disk of that kind as it is in its file, from outside.
class DiskView {
  public:
    /// Copies it beside `work`, with what it stands on.
    DiskView(const std::filesystem::path& qcow2, std::filesystem::path work);

    /// What debugfs answers to a request: "cat /etc/hostname".
    std::string ask(const std::string& request) const;
    /// Whether it was unmounted as it should be and has no error.
    bool is_clean() const;

  private:
    std::filesystem::path raw_;
};

}  // namespace kiln::tests
