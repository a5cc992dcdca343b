#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "base/fd.hpp"

namespace kiln::api {

/// The directory that holds all that a service knows and stores; all its paths are made here. Held
/// by one service at a time.
class StateDirectory {
  public:
    /// Makes the directory (QEMU's user may pass through it) and locks it. Throws
    /// Error{StateDirectoryInUse} when another service holds it.
    explicit StateDirectory(std::filesystem::path path);

    std::filesystem::path catalog() const { return path_ / "catalog.sqlite"; }
    std::filesystem::path layers() const { return path_ / "layers"; }
    std::filesystem::path objects() const { return path_ / "objects"; }
    std::filesystem::path builds() const { return path_ / "builds"; }
    std::filesystem::path offline() const { return path_ / "offline"; }
    std::filesystem::path identity_keys() const { return path_ / "identity-keys"; }
    std::filesystem::path secrets_key() const { return path_ / "secrets.key"; }
    std::filesystem::path accelerator_verdict() const { return path_ / "accelerator.json"; }
    const std::filesystem::path& path() const { return path_; }

    /// Whether the directory that was locked is still the one at its path.
    bool is_still_there() const;
    /// Throws Error{Unavailable} when it is not: nothing that is written would last.
    void check_still_there() const;

  private:
    std::filesystem::path lock_file() const { return path_ / "lock"; }

    std::filesystem::path path_;
    Fd lock_;
};

/// Calls `on_gone` once when the directory is deleted or replaced.
class StateDirectoryWatch {
  public:
    StateDirectoryWatch(const StateDirectory& directory, std::function<void()> on_gone);
    ~StateDirectoryWatch();
    StateDirectoryWatch(const StateDirectoryWatch&) = delete;
    StateDirectoryWatch& operator=(const StateDirectoryWatch&) = delete;

  private:
    void watch();

    const StateDirectory& directory_;
    std::function<void()> on_gone_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace kiln::api
