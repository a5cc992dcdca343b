#include "api/server/state_directory.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"

namespace kiln::api {

namespace {

constexpr auto passable = std::filesystem::perms(0711);
constexpr std::chrono::seconds watch_interval{2};

}  // namespace

StateDirectory::StateDirectory(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code error;
    const bool made = std::filesystem::create_directories(path_, error);
    if (error) {
        throw Error("InvalidConfiguration", path_.string(),
                    fmt::format("cannot make the state directory '{}': {}; set KILN_STATE_DIR to a "
                                "place that you may write to",
                                path_.string(), error.message()));
    }
    if (made) std::filesystem::permissions(path_, passable);
    lock_ = try_lock_file(lock_file());
    if (!lock_) {
        throw Error("StateDirectoryInUse", path_.string(),
                    fmt::format("another kiln service runs on '{}': use that one, stop it, or set "
                                "KILN_STATE_DIR to another directory",
                                path_.string()));
    }
}

bool StateDirectory::is_still_there() const {
    struct stat held {};
    struct stat found {};
    return ::fstat(lock_.get(), &held) == 0 && ::stat(lock_file().c_str(), &found) == 0 &&
           held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

void StateDirectory::check_still_there() const {
    if (is_still_there()) return;
    throw Error(
        error_code::unavailable, path_.string(),
        fmt::format("the state directory '{}' was deleted while the service ran, so it stops: "
                    "restore it from a backup, or start anew",
                    path_.string()));
}

StateDirectoryWatch::StateDirectoryWatch(const StateDirectory& directory,
                                         std::function<void()> on_gone)
    : directory_(directory), on_gone_(std::move(on_gone)), thread_([this] { watch(); }) {}

StateDirectoryWatch::~StateDirectoryWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void StateDirectoryWatch::watch() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, watch_interval, [this] { return stopping_; })) {
        if (directory_.is_still_there()) continue;
        log::error("the state directory '{}' was deleted: stopping", directory_.path().string());
        on_gone_();
        return;
    }
}

}  // namespace kiln::api
