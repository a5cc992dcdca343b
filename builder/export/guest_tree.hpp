#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/inspection/guestfs_appliance.hpp"

namespace kiln::builder {

/// The files of the one system on a disk, to be read and written in libguestfs's appliance: a guest
/// is not booted, and nothing of it meets the host. Paths are absolute, as the guest has them. All
/// throw Error{InspectionFailed}. One thread.
class GuestTree {
  public:
    struct Disk {
        std::filesystem::path file;  // a qcow2 file that is written to
        bool use_kvm = false;
        std::chrono::milliseconds time_limit = std::chrono::minutes{5};
        std::stop_token stop = {};  // ends the appliance: what is asked of it fails then
    };
    /// Boots the appliance, which takes some ten seconds, and mounts the file systems of the system
    /// that is found. Throws Error{InspectionFailed} when there is none, or more than one, and
    /// Error{Unavailable} when libguestfs does not work here.
    explicit GuestTree(const Disk& disk);

    bool is_directory(const std::string& path);
    bool is_file(const std::string& path);
    /// Empty when there is no such file.
    std::string read(const std::string& path);

    struct Rights {
        int mode;
        int user = 0;
        int group = 0;
    };
    void write(const std::string& path, const std::string& content, const Rights& rights);
    /// Of a file that is there; its rights stay.
    void rewrite(const std::string& path, const std::string& content);
    /// With those above it.
    void make_directory(const std::string& path, const Rights& rights);
    void make_link(const std::string& target, const std::string& path);
    /// All that the pattern of the shell names; none is no error.
    void remove(const std::string& pattern);
    /// Everything is in the disk's file then, and the appliance is gone.
    void close();

  private:
    void check(int result, const std::string& what);
    std::string find_root();
    void mount(const std::string& root);

    GuestfsAppliance appliance_;
    std::stop_callback<std::function<void()>> ends_on_stop_;  // ends before what it ends
};

}  // namespace kiln::builder
