#include "builder/import/import_threads.hpp"

#include <utility>

namespace kiln::builder {

ImportThreads::ImportThreads(unsigned threads, std::function<void(const Turn&)> work)
    : work_(std::move(work)) {
    for (unsigned slot = 0; slot < threads; ++slot)
        threads_.emplace_back([this, slot] { this->work(slot); });
}

ImportThreads::~ImportThreads() {
    request_stop();
    threads_.clear();
}

void ImportThreads::request_stop() {
    stop_all_.request_stop();
    const std::lock_guard lock(mutex_);
    for (auto& [task, stop] : known_)
        stop.request_stop();
    changed_.notify_all();
}

void ImportThreads::add(const std::string& task) {
    const std::lock_guard lock(mutex_);
    if (!known_.try_emplace(task).second) return;
    order_.push_back(task);
    changed_.notify_all();
}

void ImportThreads::cancel(const std::string& task) {
    std::unique_lock lock(mutex_);
    const auto found = known_.find(task);
    if (found == known_.end()) return;
    if (std::erase(order_, task) > 0) {  // nobody has begun with it
        known_.erase(found);
        changed_.notify_all();
        return;
    }
    found->second.request_stop();
    changed_.wait(lock, stop_all_.get_token(), [&] { return !known_.contains(task); });
}

void ImportThreads::wait_until_idle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return known_.empty(); });
}

void ImportThreads::work(unsigned slot) {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, stop_all_.get_token(), [&] { return !order_.empty(); });
        if (stop_all_.stop_requested()) return;
        const std::string task = std::move(order_.front());
        order_.pop_front();
        const std::stop_token stop = known_.at(task).get_token();
        lock.unlock();
        work_({.task = task, .stop = stop, .slot = slot});
        lock.lock();
        known_.erase(task);
        changed_.notify_all();
    }
}

}  // namespace kiln::builder
