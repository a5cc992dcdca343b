#pragma once

#include <functional>
#include <memory>

namespace kiln::api {

/// What ends once, for good. Copies are of the same. Any thread.
class Completion {
  public:
    Completion();

    /// Wakes all that wait and calls what was left with then(). Only the first call counts.
    void end() const;

    void wait() const;
    /// `call` is called once, by end(), or now when that was before. It must not throw.
    void then(std::function<void()> call) const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace kiln::api
