#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace kiln::builder {

/// A task that the catalog says there is something to do for.
struct OpenTask {
    std::string id;
    Time started;
};

/// What one kind of tasks is about. Both functions are called in threads of TaskThreads.
struct TaskWork {
    /// What is to be done. Asked again and again: what is done is not among it any more.
    std::function<std::vector<OpenTask>()> open_tasks;
    /// Does a task, to its end or until the stop is requested: then either the service stops, and
    /// the task is begun again at the next start, or somebody has canceled it, which the catalog
    /// says. It catches what can go wrong and writes it down; a task whose run throws all the same
    /// is not tried again before the next start.
    std::function<void(const std::string& id, const std::stop_token& stop)> run;
};

/// Threads that do the long tasks of the service (imports, exports), oldest first: at most one for
/// each core, so that two exports take no longer at once than one after the other. The catalog
/// alone says what there is to do, so that nothing is lost by a crash. Any thread.
class TaskThreads {
  public:
    /// As many threads as there are cores, but no more than `most_threads`.
    explicit TaskThreads(std::size_t most_threads = 4);
    ~TaskThreads() { stop(); }
    TaskThreads(const TaskThreads&) = delete;
    TaskThreads& operator=(const TaskThreads&) = delete;

    /// Adds a kind of tasks. Whoever adds one calls stop() before what its functions use is gone.
    void add(TaskWork work);
    /// Begins to work. Once.
    void start();
    /// Asks the running tasks to stop, and waits for them; none is begun any more. Again is no
    /// error.
    void stop();

    /// To be called when the catalog has something new to do, also for a task that stopped.
    void wake();
    /// Asks a task to stop if it is running.
    void interrupt(const std::string& id);
    /// Blocks until nothing is left to do. For tests.
    void wait_until_idle();

  private:
    struct Next {
        std::string id;
        std::function<void(const std::string& id, const std::stop_token& stop)> run;
    };

    void work(const std::stop_token& stop);
    std::optional<Next> oldest_waiting() const;
    void run(const Next& next, std::unique_lock<std::mutex>& lock);

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<TaskWork> kinds_;
    std::map<std::string, std::stop_source> running_;
    std::set<std::string> failed_;
    std::uint64_t wakes_ = 0;
    bool stopping_ = false;
    std::size_t thread_count_;
    std::vector<std::jthread> threads_;
};

}  // namespace kiln::builder
