#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "hypervisor/hypervisor.hpp"

namespace kiln::hypervisor {

inline constexpr std::chrono::seconds patience{60};

/// Text or events that other threads add to and a test waits for.
template <class Record>
class Journal {
  public:
    void add(const Record& record) {
        const std::lock_guard lock(mutex_);
        records_.push_back(record);
        changed_.notify_all();
    }
    template <class Wanted>
    bool wait_for(Wanted wanted) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return wanted(records_); });
    }

    std::vector<Record> records() {
        const std::lock_guard lock(mutex_);
        return records_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Record> records_;
};

class ConsoleText {
  public:
    ConsoleCallbacks callbacks() {
        return {.on_bytes = [this](std::string_view bytes) { pieces_.add(std::string(bytes)); },
                .on_close = [this] { closings_.add(true); }};
    }
    /// Until the text has come that many times.
    bool wait_for(const std::string& text, int times = 1) {
        return pieces_.wait_for(
            [&](const std::vector<std::string>& pieces) { return count(pieces, text) >= times; });
    }
    bool has(const std::string& text) { return count(pieces_.records(), text) > 0; }
    bool wait_until_closed() {
        return closings_.wait_for([](const auto& closings) { return !closings.empty(); });
    }

  private:
    static int count(const std::vector<std::string>& pieces, const std::string& text) {
        std::string all;
        for (const std::string& piece : pieces)
            all += piece;
        int times = 0;
        for (auto at = all.find(text); at != std::string::npos; at = all.find(text, at + 1))
            ++times;
        return times;
    }

    Journal<std::string> pieces_;
    Journal<bool> closings_;
};

}  // namespace kiln::hypervisor
