#include "launcher/regions/chain_guard.hpp"

namespace kiln::launcher {

ChainGuard::Hold ChainGuard::read() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !excludes_; });
    ++readers_;
    return {this, Leave{&ChainGuard::end_reading}};
}

ChainGuard::Hold ChainGuard::try_exclude(std::chrono::milliseconds time_limit) {
    std::unique_lock lock(mutex_);
    const bool alone =
        changed_.wait_for(lock, time_limit, [this] { return readers_ == 0 && !excludes_; });
    if (!alone) return {nullptr, Leave{&ChainGuard::end_excluding}};
    excludes_ = true;
    return {this, Leave{&ChainGuard::end_excluding}};
}

void ChainGuard::end_reading() {
    {
        const std::lock_guard lock(mutex_);
        --readers_;
    }
    changed_.notify_all();
}

void ChainGuard::end_excluding() {
    {
        const std::lock_guard lock(mutex_);
        excludes_ = false;
    }
    changed_.notify_all();
}

}  // namespace kiln::launcher
