#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace kiln::launcher {

enum class Reachability { initializing, ok, impaired };

/// What is known of the health of running instances: it is not in the catalog, since a restarted
/// service asks the guests again. Any thread.
class StatusBoard {
  public:
    explicit StatusBoard(const Clock& clock) : clock_(clock) {}

    void started(const InstanceId& id);
    /// As started, but a guest that is paused stays so.
    void reboots(const InstanceId& id);
    void agent_answered(const InstanceId& id);
    /// It has closed its channel: it may have ended, or the guest reboots.
    void agent_lost(const InstanceId& id);
    /// Its disk could not be written: the guest is paused until there is space again.
    void io_failed(const InstanceId& id);
    void resumed(const InstanceId& id);
    void gone(const InstanceId& id);

    /// initializing until the guest agent answers, impaired when it has not within ten minutes or
    /// when the guest is paused by an I/O error.
    Reachability reachability(const InstanceId& id) const;
    bool is_paused_by_io_error(const InstanceId& id) const;

  private:
    struct Entry {
        Time started;
        bool agent_answered = false;
        bool io_failed = false;
    };

    const Clock& clock_;
    mutable std::mutex mutex_;
    std::unordered_map<InstanceId, Entry> entries_;
};

}  // namespace kiln::launcher
