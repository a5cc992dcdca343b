#pragma once

#include "api/server/coroutine.hpp"  // before Asio

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <string>
#include <utility>

namespace kiln::api {

/// Who may have a handler thread: so many at once with the same name, the others in the order in
/// which they came. On the thread that runs the io context.
class Turns {
  public:
    explicit Turns(std::size_t most_at_once) : most_at_once_(most_at_once) {}

    class Waiter {
      public:
        explicit Waiter(const boost::asio::any_io_executor& executor)
            : timer_(executor, boost::asio::steady_timer::time_point::max()) {}
        /// It waits no longer, without a turn.
        void give_up() {
            has_given_up_ = true;
            timer_.cancel();
        }

      private:
        friend class Turns;
        boost::asio::steady_timer timer_;
        bool has_turn_ = false;
        bool has_given_up_ = false;
    };

    /// Waits for the turn; false when the waiter gave up. After true, release().
    boost::asio::awaitable<bool> take(const std::string& name, Waiter& waiter) {
        Line& line = lines_[name];
        if (line.at_once < most_at_once_) {
            ++line.at_once;
            co_return true;
        }
        const auto place = line.waiters.insert(line.waiters.end(), &waiter);
        while (!waiter.has_turn_ && !waiter.has_given_up_) {
            boost::system::error_code canceled;
            co_await waiter.timer_.async_wait(into(canceled));
        }
        if (waiter.has_turn_) co_return true;
        line.waiters.erase(place);
        co_return false;
    }
    /// The next one has the turn.
    void release(const std::string& name) {
        const auto found = lines_.find(name);
        Line& line = found->second;
        if (line.waiters.empty()) {
            if (--line.at_once == 0) lines_.erase(found);
            return;
        }
        Waiter& next = *line.waiters.front();
        line.waiters.pop_front();
        next.has_turn_ = true;
        next.timer_.cancel();
    }

    /// Releases it at its end.
    class Turn {
      public:
        Turn(Turns& turns, std::string name) : turns_(turns), name_(std::move(name)) {}
        ~Turn() { turns_.release(name_); }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

      private:
        Turns& turns_;
        std::string name_;
    };

  private:
    struct Line {
        std::size_t at_once = 0;
        std::list<Waiter*> waiters = {};
    };

    std::size_t most_at_once_;
    std::map<std::string, Line> lines_;
};

}  // namespace kiln::api
