#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace kiln::launcher {

/// Keeps a region's chains as the catalog has them while somebody gives their files away.
///
/// The rule: whoever reads a chain out of the catalog and has it opened, by a hypervisor or by
/// qemu-img, reads under the guard, from the rows until the files are open; who pins layers, until
/// they are pinned. A merge does its long work outside, and then has the guard for itself while it
/// looks again whether somebody uses the chain and exchanges a file and its row. What a guest has
/// open is not guarded: its instance says that the chain is in use.
///
/// No deadlock can come of it: readers wait for a merge alone, which then waits for none of them; a
/// merge waits for a bounded time and gives up; who reads may begin to read again; and nobody asks
/// for the guard within a transaction. Any thread.
class ChainGuard {
    struct Leave {
        void (ChainGuard::*leave)();
        void operator()(ChainGuard* guard) const { (guard->*leave)(); }
    };

  public:
    /// Held as long as it lives.
    using Hold = std::unique_ptr<ChainGuard, Leave>;

    ChainGuard() = default;
    ChainGuard(const ChainGuard&) = delete;
    ChainGuard& operator=(const ChainGuard&) = delete;

    /// Waits while a merge has it.
    [[nodiscard]] Hold read();
    /// For a merge; nullptr when others read, or merge, all that time.
    [[nodiscard]] Hold try_exclude(std::chrono::milliseconds time_limit);

  private:
    void end_reading();
    void end_excluding();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t readers_ = 0;
    bool excludes_ = false;
};

}  // namespace kiln::launcher
