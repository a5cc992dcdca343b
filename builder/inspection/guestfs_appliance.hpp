#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/error.hpp"

struct guestfs_h;

namespace kiln::builder {

/// libguestfs's appliance: a small Linux in a QEMU of its own that looks into disks, so that what
/// is hostile in them meets nothing of the host's. One thread, but for end().
class GuestfsAppliance {
  public:
    /// Without `use_kvm` it is emulated. After the time its QEMU is ended, and what is asked of it
    /// then fails: a disk may be such that its kernel hangs.
    GuestfsAppliance(bool use_kvm, std::chrono::milliseconds time_limit);
    ~GuestfsAppliance();
    GuestfsAppliance(const GuestfsAppliance&) = delete;
    GuestfsAppliance& operator=(const GuestfsAppliance&) = delete;

    /// A qcow2 file and what backs it, to be read alone. Before launch().
    void add_disk(const std::filesystem::path& file);
    /// A disk that a server on the Unix socket has under that name, to be written to, too: what is
    /// written comes to the server at once or when libguestfs is told to sync. Before launch().
    void add_served_disk(const std::filesystem::path& socket, const std::string& name);
    /// A qcow2 file that is written to, with what backs it, which is only read. Before launch().
    void add_writable_disk(const std::filesystem::path& file);
    /// An empty disk. Before launch().
    void add_scratch_disk(std::size_t bytes);
    /// Starts it: some seconds. Throws Error{Unavailable} with what to install.
    void launch();
    /// Ends it in an orderly way; -1 when that fails.
    int shutdown();
    /// Its time begins anew, unless it is to end.
    void allow(std::chrono::milliseconds time_limit);
    /// Its time is up. Any thread.
    void end();
    /// Whether its time was up, so that all that it is asked fails.
    bool has_ended() const { return is_late_; }

    guestfs_h* handle() { return handle_.get(); }
    /// What libguestfs says of its last failure, as an Error{InspectionFailed}.
    Error failure(const std::string& what) const;

  private:
    struct Close {
        void operator()(guestfs_h* handle) const;
    };
    Error unavailable() const;
    void check(int result) const;
    void end_when_due(const std::stop_token& stop);

    std::string messages_;
    std::unique_ptr<guestfs_h, Close> handle_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::chrono::steady_clock::time_point deadline_;
    bool is_to_end_ = false;
    pid_t qemu_ = 0;                     // 0: it is not up yet
    std::atomic<bool> is_late_ = false;  // its time was up
    std::jthread watchdog_;              // last: it uses the members above
};

}  // namespace kiln::builder
