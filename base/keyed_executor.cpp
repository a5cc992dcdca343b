#include "base/keyed_executor.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.hpp"

namespace kiln {

KeyedExecutor::KeyedExecutor(std::size_t thread_count) {
    for (std::size_t i = 0; i < thread_count; ++i)
        threads_.emplace_back([this] { work(); });
}

void KeyedExecutor::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_)
        thread.join();
    threads_.clear();
    const std::lock_guard lock(mutex_);
    ready_.clear();
    lanes_.clear();
    changed_.notify_all();
}

void KeyedExecutor::add_for_all(std::vector<std::string> keys, std::function<void()> job) {
    std::ranges::sort(keys);
    keys.erase(std::ranges::unique(keys).begin(), keys.end());
    auto added = std::make_shared<Job>(Job{.keys = std::move(keys), .work = std::move(job)});
    {
        // All lanes at once: two jobs stand in the same order in each lane that they share, so they
        // cannot wait for each other.
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        for (const std::string& key : added->keys) {
            Lane& lane = lanes_[key];
            if (!lane.empty()) ++added->jobs_before;
            lane.push_back(added);
        }
        if (added->jobs_before == 0) ready_.push_back(std::move(added));
    }
    changed_.notify_all();
}

bool KeyedExecutor::is_busy(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return lanes_.contains(key);
}

bool KeyedExecutor::is_awaited(const std::vector<std::string>& keys) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(keys, [this](const std::string& key) {
        const auto lane = lanes_.find(key);
        return lane != lanes_.end() && lane->second.size() > 1;
    });
}

void KeyedExecutor::wait_until_idle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return lanes_.empty(); });
}

void KeyedExecutor::leave_lanes(const Job& job) {
    for (const std::string& key : job.keys) {
        const auto lane = lanes_.find(key);
        lane->second.pop_front();
        if (lane->second.empty()) {
            lanes_.erase(lane);
        } else if (const auto& next = lane->second.front(); --next->jobs_before == 0) {
            ready_.push_back(next);
        }
    }
}

void KeyedExecutor::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || !ready_.empty(); });
        if (stopping_) return;
        const std::shared_ptr<Job> job = std::move(ready_.front());
        ready_.pop_front();
        lock.unlock();
        try {
            job->work();
        } catch (const std::exception& error) {
            log::error("a job for {} failed: {}", fmt::join(job->keys, " and "), error.what());
        }
        job->work = nullptr;  // what it holds is released outside the lock
        lock.lock();
        leave_lanes(*job);
        changed_.notify_all();
    }
}

}  // namespace kiln
