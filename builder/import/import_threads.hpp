#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace kiln::builder {

/// Threads that work at tasks, each one task at a time, in the order in which they were added. What
/// a task is and how far it is stands in the catalog: here it is only a name. Any thread.
class ImportThreads {
  public:
    struct Turn {
        const std::string& task;
        std::stop_token stop;  // canceled, or the service stops
        unsigned slot;         // which of the threads it is, from 0
    };
    /// `work` may not throw.
    ImportThreads(unsigned threads, std::function<void(const Turn&)> work);
    /// Stops what is worked at and waits for it; what has not begun stays undone.
    ~ImportThreads();
    ImportThreads(const ImportThreads&) = delete;
    ImportThreads& operator=(const ImportThreads&) = delete;

    /// One that waits or is worked at already is not added again.
    void add(const std::string& task);
    /// Takes back a task that waits; stops one that is worked at, and returns when it has ended.
    void cancel(const std::string& task);
    /// As the destructor does, but waits for nothing: who waits in cancel() goes on.
    void request_stop();
    /// Whether the threads are being ended: tasks are to be left as they are.
    bool is_stopping() const { return stop_all_.stop_requested(); }
    /// For tests.
    void wait_until_idle();

  private:
    void work(unsigned slot);

    std::function<void(const Turn&)> work_;
    std::stop_source stop_all_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::string> order_;                  // of those that wait
    std::map<std::string, std::stop_source> known_;  // that wait or are worked at
    std::vector<std::jthread> threads_;              // last: they use the members above
};

}  // namespace kiln::builder
