#include "builder/tasks/task_threads.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace kiln::builder {

TaskThreads::TaskThreads(std::size_t most_threads)
    : thread_count_(std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, most_threads)) {
}

void TaskThreads::add(TaskWork work) {
    const std::lock_guard lock(mutex_);
    kinds_.push_back(std::move(work));
}

void TaskThreads::start() {
    for (std::size_t i = 0; i < thread_count_; ++i)
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

void TaskThreads::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (auto& [id, source] : running_)
            source.request_stop();
    }
    for (std::jthread& thread : threads_)
        thread.request_stop();
    threads_.clear();
    changed_.notify_all();
}

void TaskThreads::wake() {
    {
        const std::lock_guard lock(mutex_);
        ++wakes_;
    }
    changed_.notify_all();
}

void TaskThreads::interrupt(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto running = running_.find(id);
    if (running != running_.end()) running->second.request_stop();
}

void TaskThreads::wait_until_idle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || (running_.empty() && !oldest_waiting()); });
}

std::optional<TaskThreads::Next> TaskThreads::oldest_waiting() const {
    std::optional<Next> next;
    Time oldest;
    for (const TaskWork& kind : kinds_) {
        for (const OpenTask& task : kind.open_tasks()) {
            if (running_.contains(task.id) || failed_.contains(task.id)) continue;
            if (next && task.started >= oldest) continue;
            next = {.id = task.id, .run = kind.run};
            oldest = task.started;
        }
    }
    return next;
}

void TaskThreads::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const std::uint64_t seen = wakes_;
        std::optional<Next> next;
        try {
            next = oldest_waiting();
        } catch (const std::exception& error) {
            log::error("cannot find out which tasks there are: {}", error.what());
        }
        if (next) {
            run(*next, lock);
        } else {
            changed_.wait(lock, stop, [&] { return wakes_ != seen; });
        }
    }
}

void TaskThreads::run(const Next& next, std::unique_lock<std::mutex>& lock) {
    const std::stop_token stop = running_[next.id].get_token();
    lock.unlock();
    bool has_failed = false;
    try {
        next.run(next.id, stop);
    } catch (const std::exception& error) {
        has_failed = !stop.stop_requested();
        log::error("{} failed: {}", next.id, error.what());
    }
    lock.lock();
    if (has_failed) failed_.insert(next.id);
    running_.erase(next.id);
    changed_.notify_all();
}

}  // namespace kiln::builder
