#include "base/keyed_executor.hpp"

#include <spdlog/spdlog.h>

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

void KeyedExecutor::add(const std::string& key, std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        Lane& lane = lanes_[key];
        lane.jobs.push_back(std::move(job));
        if (!lane.running && lane.jobs.size() == 1) ready_.push_back(key);
    }
    changed_.notify_all();
}

bool KeyedExecutor::is_busy(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return lanes_.contains(key);
}

void KeyedExecutor::wait_until_idle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return lanes_.empty(); });
}

void KeyedExecutor::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || !ready_.empty(); });
        if (stopping_) return;
        const std::string key = std::move(ready_.front());
        ready_.pop_front();
        std::function<void()> job = std::move(lanes_[key].jobs.front());
        lanes_[key].jobs.pop_front();
        lanes_[key].running = true;
        lock.unlock();
        try {
            job();
        } catch (const std::exception& error) {
            spdlog::error("a job for {} failed: {}", key, error.what());
        }
        job = nullptr;  // what it holds is released outside the lock
        lock.lock();
        Lane& lane = lanes_[key];
        lane.running = false;
        if (lane.jobs.empty()) {
            lanes_.erase(key);
        } else {
            ready_.push_back(key);
        }
        changed_.notify_all();
    }
}

}  // namespace kiln
