#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace kiln {

/// Runs jobs on a few threads. Jobs with the same key run one after the other in the order in which
/// they were added; jobs with different keys run side by side. A job that throws is logged.
class KeyedExecutor {
  public:
    explicit KeyedExecutor(std::size_t thread_count);
    ~KeyedExecutor() { stop(); }
    KeyedExecutor(const KeyedExecutor&) = delete;
    KeyedExecutor& operator=(const KeyedExecutor&) = delete;

    /// Waits for the jobs that run now; those that wait are dropped (the catalog's operations bring
    /// them back at the next start), and none is taken any more. One thread, and not that of a job;
    /// again is no error.
    void stop();
    /// Any thread.
    void add(const std::string& key, std::function<void()> job);
    /// Whether a job of the key runs or waits. Any thread.
    bool is_busy(const std::string& key);
    /// Blocks until no job runs or waits. For tests and an orderly stop.
    void wait_until_idle();

  private:
    struct Lane {
        std::deque<std::function<void()>> jobs;
        bool running = false;
    };

    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::unordered_map<std::string, Lane> lanes_;
    std::deque<std::string> ready_;  // keys of lanes that have a job and run none
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace kiln
