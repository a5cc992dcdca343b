#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"
#include "builder/inspection/guestfs_appliance.hpp"
#include "builder/script/script.hpp"

namespace kiln::builder {

/// The Linux of a disk in a libguestfs appliance, with its file systems mounted to be written to.
/// Paths are the guest's, and no link in them leads out of its file systems. All throw
/// Error{BuildFailed}, and Error{Canceled} after a stop. One thread.
class MountedSystem {
  public:
    struct Disk {
        std::filesystem::path socket;  // where a server has it,
        std::string name;              // by that name
        bool use_kvm = false;
    };
    /// Starts the appliance, which takes some seconds; a stop ends it. Throws Error{Unavailable}
    /// when libguestfs does not work here.
    MountedSystem(const Disk& disk, std::stop_token stop);
    MountedSystem(const MountedSystem&) = delete;
    MountedSystem& operator=(const MountedSystem&) = delete;

    /// Throws unless the appliance can run the system's programs.
    void require_runnable();
    /// "bookworm"; empty where the system has none.
    std::string code_name();
    /// What follows may take so long together.
    void allow(std::chrono::milliseconds time_limit);

    bool exists(const std::string& path);
    /// nullopt when there is no such file. Throws for one that is larger.
    std::optional<std::string> read(const std::string& path, Bytes limit = Bytes::mebibytes(1));
    /// The names in a directory, sorted; none when it is missing.
    std::vector<std::string> names_in(const std::string& directory);
    /// The regular files below a directory, with their paths.
    std::vector<std::string> files_below(const std::string& directory);
    /// What fits a pattern of the shell.
    std::vector<std::string> matching(const std::string& pattern);

    /// Makes what is missing of a directory and those above it.
    void make_directory(const std::string& path);
    /// What was there goes, but a directory is refused.
    void write(const std::string& path, const std::string& content, std::uint32_t mode);
    /// Copies a file of the host's.
    void upload(const std::filesystem::path& from, const std::string& path);
    void set_mode(const std::string& path, std::uint32_t mode);
    /// Whether its time was up: nothing can be done with it any more.
    bool has_ended() const { return appliance_.has_ended(); }
    void set_owner(const std::string& path, std::uint32_t user, std::uint32_t group);
    /// Of a small file that exists; its mode and owner stay.
    void rewrite(const std::string& path, const std::string& content);
    /// Of a file that exists.
    void make_empty(const std::string& path);
    /// With all that is in it; none is no error.
    void remove(const std::string& path);

    /// Runs a program of the system; what it says when it fails is in the error.
    std::string command(const std::vector<std::string>& arguments);
    /// Runs a script as root in the system, whose /dev, /proc and /sys are the appliance's, and
    /// which has no network. What it leaves running is ended.
    ScriptResult run(const Script& script);

    /// All is written and the file systems are clean; mount() goes on.
    void unmount();
    void mount();
    /// Tells the disk which blocks the file systems do not use.
    void trim();
    /// All is written, the appliance ends.
    void close();

  private:
    void check(int result, const std::string& what);
    Error failure(const std::string& what) const;
    void open();
    std::optional<std::string> read_end(const std::string& path, Bytes limit);
    std::string make_work_directory();

    std::stop_token stop_;
    GuestfsAppliance appliance_;
    std::stop_callback<std::function<void()>> ends_on_stop_;
    std::string root_;                                         // its device
    std::vector<std::pair<std::string, std::string>> mounts_;  // mount points and their devices
};

}  // namespace kiln::builder
