#include "api/server/completion.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace kiln::api {

struct Completion::State {
    std::mutex mutex = {};
    std::condition_variable ended = {};
    bool has_ended = false;
    std::vector<std::function<void()>> calls = {};
};

Completion::Completion() : state_(std::make_shared<State>()) {}

void Completion::end() const {
    std::vector<std::function<void()>> calls;
    {
        const std::lock_guard lock(state_->mutex);
        state_->has_ended = true;
        calls = std::exchange(state_->calls, {});
    }
    state_->ended.notify_all();
    for (const auto& call : calls)
        call();
}

void Completion::wait() const {
    std::unique_lock lock(state_->mutex);
    state_->ended.wait(lock, [this] { return state_->has_ended; });
}

void Completion::then(std::function<void()> call) const {
    {
        const std::lock_guard lock(state_->mutex);
        if (!state_->has_ended) {
            state_->calls.push_back(std::move(call));
            return;
        }
    }
    call();
}

}  // namespace kiln::api
