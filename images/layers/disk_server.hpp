#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "images/layers/qmp.hpp"

namespace kiln::images {

/// Serves a layer's disk on a Unix socket for one client at a time, which reads and writes it by
/// NBD, and goes on in another layer when it is told to while the client notices nothing:
/// qemu-storage-daemon, which is told the formats. It ends with this process. One thread.
class DiskServer {
  public:
    /// What the export is called.
    static constexpr const char* export_name = "disk";

    struct Disk {
        std::filesystem::path file;       // a live qcow2 layer in clear that nobody has open
        std::filesystem::path directory;  // nobody else's, with a short path: for its sockets
    };
    /// Throws Error{InternalError} with the program's own words.
    explicit DiskServer(const Disk& disk);
    /// Ends it; what the client wrote and did not flush may be lost.
    ~DiskServer();
    DiskServer(const DiskServer&) = delete;
    DiskServer& operator=(const DiskServer&) = delete;

    const std::filesystem::path& socket() const { return socket_; }

    /// From now on the client writes to `overlay`, an empty layer on the file that it wrote to so
    /// far, which is whole and synced when this returns, and is only read from now on. What the
    /// client itself holds back it must have written before.
    void go_on_in(const std::filesystem::path& overlay);
    /// Writes all to the file that was last written to, syncs it, and ends. The client must be
    /// gone, or is cut off. Once.
    void finish();

  private:
    void start(const std::filesystem::path& monitor);
    Fd accept_monitor() const;
    Error failure(const Error& error);

    std::filesystem::path socket_;
    std::filesystem::path file_;  // that is written to
    std::string node_;
    int node_number_ = 0;
    Fd listener_;             // for the monitor
    std::string last_words_;  // of the program when it failed; once program_ has ended
    std::jthread program_;    // after what it uses
    std::optional<Qmp> qmp_;
};

}  // namespace kiln::images
