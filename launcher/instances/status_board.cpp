#include "launcher/instances/status_board.hpp"

namespace kiln::launcher {

namespace {

constexpr std::chrono::minutes longest_initialization{10};

}  // namespace

void StatusBoard::started(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    entries_.insert_or_assign(id, Entry{.started = clock_.now()});
}

void StatusBoard::reboots(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[id];
    entry.started = clock_.now();
    entry.agent_answered = false;
}

void StatusBoard::agent_answered(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry != entries_.end()) entry->second.agent_answered = true;
}

void StatusBoard::agent_lost(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end() || !entry->second.agent_answered) return;
    entry->second.agent_answered = false;
    entry->second.started = clock_.now();
}

void StatusBoard::io_failed(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry != entries_.end()) entry->second.io_failed = true;
}

void StatusBoard::resumed(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry != entries_.end()) entry->second.io_failed = false;
}

void StatusBoard::gone(const InstanceId& id) {
    const std::lock_guard lock(mutex_);
    entries_.erase(id);
}

Reachability StatusBoard::reachability(const InstanceId& id) const {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return Reachability::initializing;
    if (entry->second.io_failed) return Reachability::impaired;
    if (entry->second.agent_answered) return Reachability::ok;
    const bool too_long = clock_.now() - entry->second.started > longest_initialization;
    return too_long ? Reachability::impaired : Reachability::initializing;
}

bool StatusBoard::is_paused_by_io_error(const InstanceId& id) const {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    return entry != entries_.end() && entry->second.io_failed;
}

}  // namespace kiln::launcher
