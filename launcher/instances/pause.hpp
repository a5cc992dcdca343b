#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/error.hpp"

namespace kiln::launcher {

/// How jobs wait before they try again: until the time is over or the service stops. Any thread.
class Pause {
  public:
    /// Throws Error{Unavailable} when the service stops: the job's operation brings it back at the
    /// next start.
    void wait_or_throw(std::chrono::milliseconds time) const {
        if (!wait(time)) throw Error(error_code::unavailable, "", "the service is stopping");
    }
    /// false when the service stops.
    bool wait(std::chrono::milliseconds time) const {
        std::unique_lock lock(mutex_);
        return !changed_.wait_for(lock, time, [this] { return stopping_; });
    }
    /// For programs that are to end with the service.
    std::stop_token token() const { return source_.get_token(); }
    void stop() {
        source_.request_stop();
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
    }

  private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool stopping_ = false;
    std::stop_source source_;
};

}  // namespace kiln::launcher
