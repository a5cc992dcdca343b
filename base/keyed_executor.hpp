#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kiln {

/// Runs jobs on a few threads. Jobs that have a key in common run one after the other in the order
/// in which they were added; jobs that have none run side by side. A job that throws is logged.
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
    void add(const std::string& key, std::function<void()> job) {
        add_for_all({key}, std::move(job));
    }
    /// A job that needs several things for itself: it begins when it is the first of each key.
    /// There is at least one key. Any thread.
    void add_for_all(std::vector<std::string> keys, std::function<void()> job);
    /// Whether a job of the key runs or waits. Any thread.
    bool is_busy(const std::string& key);
    /// Whether another job waits behind the one that runs now for any of the keys. Any thread.
    bool is_awaited(const std::vector<std::string>& keys);
    /// Blocks until no job runs or waits. For tests and an orderly stop.
    void wait_until_idle();

  private:
    struct Job {
        std::vector<std::string> keys;  // each once
        std::function<void()> work;
        std::size_t jobs_before = 0;  // in how many of its lanes another one stands first
    };
    /// Jobs of one key in their order; the first one runs or is the next to do so.
    using Lane = std::deque<std::shared_ptr<Job>>;

    void work();
    /// Takes a job that has ended out of its lanes. The mutex is held.
    void leave_lanes(const Job& job);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::unordered_map<std::string, Lane> lanes_;  // none is empty
    std::deque<std::shared_ptr<Job>> ready_;       // first in all of their lanes, not running yet
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace kiln
