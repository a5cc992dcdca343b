#pragma once

#include <functional>
#include <vector>

namespace kiln {

/// The undo steps of a change of several steps. Add the undo right after each step; call commit()
/// when the change is published. Unless committed, the destructor runs the undo steps in reverse
/// order; an undo that throws is logged, and the others still run. One thread.
class Rollback {
  public:
    Rollback() = default;
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    ~Rollback();

    void add(std::function<void()> undo) { undo_steps_.push_back(std::move(undo)); }
    void commit() noexcept { undo_steps_.clear(); }

  private:
    std::vector<std::function<void()>> undo_steps_;
};

}  // namespace kiln
