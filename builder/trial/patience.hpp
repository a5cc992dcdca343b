#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/error.hpp"

namespace kiln::builder {

/// How somebody waits for a guest: until a deadline, or until the build is canceled. One thread.
class Patience {
  public:
    Patience(std::stop_token stop, std::chrono::milliseconds time_limit)
        : stop_(std::move(stop)), deadline_(std::chrono::steady_clock::now() + time_limit) {}

    /// Waits before another look. Throws Error{Canceled} after a stop.
    void wait(std::chrono::milliseconds time) const {
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any stopped;
        stopped.wait_for(lock, stop_, time, [] { return false; });
        throw_if_stopped();
    }
    void throw_if_stopped() const {
        if (stop_.stop_requested()) throw Error("Canceled", "", "the build was canceled");
    }
    bool is_over() const { return std::chrono::steady_clock::now() >= deadline_; }
    const std::stop_token& stop() const { return stop_; }

  private:
    std::stop_token stop_;
    std::chrono::steady_clock::time_point deadline_;
};

}  // namespace kiln::builder
