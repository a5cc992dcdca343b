#include "api/server/audit_log.hpp"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "images/audit/event.hpp"

namespace kiln::api {

namespace {

/// A few events too many do no harm. Of what accounts did there is more to look through.
constexpr std::size_t events_between_forgetting = 64;
constexpr std::size_t events_between_forgetting_successes = 4096;

/// A message may repeat what a client sent, which may be long.
constexpr std::size_t longest_message = 1024;

/// Cut between two characters.
std::string shortened(const std::string& message) {
    if (message.size() <= longest_message) return message;
    std::size_t end = longest_message;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xc0U) == 0x80U)
        --end;
    return message.substr(0, end);
}

/// Writes events for many threads at once: whoever finds nobody writing writes all that wait, in
/// one transaction, so that the disk is waited for once and not once for each.
class EventWriter {
  public:
    explicit EventWriter(Database& database) : database_(database) {}

    /// Returns when the event is on the disk; throws when it cannot be. Any thread.
    void write(images::Event event) {
        std::unique_lock lock(mutex_);
        const std::shared_ptr<Batch> batch = next_;
        batch->events.push_back(std::move(event));
        while (!batch->is_done) {
            if (is_writing_)
                changed_.wait(lock);
            else
                write_next(lock);
        }
        if (batch->failure) std::rethrow_exception(batch->failure);
    }

  private:
    struct Batch {
        std::vector<images::Event> events = {};
        bool is_done = false;
        std::exception_ptr failure = nullptr;
    };

    void write_next(std::unique_lock<std::mutex>& lock) {
        auto following = std::make_shared<Batch>();  // may throw
        is_writing_ = true;
        const std::shared_ptr<Batch> batch = std::exchange(next_, std::move(following));
        lock.unlock();
        try {
            insert(batch->events);
        } catch (...) {
            batch->failure = std::current_exception();
        }
        lock.lock();
        batch->is_done = true;
        is_writing_ = false;
        changed_.notify_all();
    }

    void insert(const std::vector<images::Event>& events) {
        const Time forgotten = events.front().time - images::events_are_kept;
        const std::size_t before = std::exchange(count_, count_ + events.size());
        const auto is_time = [&](std::size_t between) {
            return before == 0 || before / between != count_ / between;
        };
        database_.write([&](Session& session) {
            for (const images::Event& event : events)
                images::insert_event(session, event);
            if (!is_time(events_between_forgetting)) return;
            images::forget_events(session, forgotten);
            for (const AccountId& account : accounts_of(events)) {
                images::forget_refusals(session, account);
                if (is_time(events_between_forgetting_successes))
                    images::forget_successes(session, account);
            }
        });
    }

    static std::set<AccountId> accounts_of(const std::vector<images::Event>& events) {
        std::set<AccountId> accounts;
        for (const images::Event& event : events)
            accounts.insert(event.acting_account);
        return accounts;
    }

    Database& database_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_writing_ = false;
    std::shared_ptr<Batch> next_ = std::make_shared<Batch>();
    std::size_t count_ = 0;  // of the one that writes
};

}  // namespace

Audit audit_log(Database& database, const Clock& clock) {
    const auto writer = std::make_shared<EventWriter>(database);
    return [&clock, writer](const AuditedRequest& request) {
        const images::Caller& caller = request.caller;
        const Time now = clock.now();
        writer->write(
            // Of the time, so that the events of one transaction need few pages.
            {.id = uuid_of_time(now),
             .time = now,
             .name = request.action,
             .account = caller.account,
             .acting_account = caller.own_account.value_or(caller.account),
             .uid = caller.uid,
             .access_key_id = caller.access_key_id,
             .region = caller.region,
             .request_id = request.request_id,
             .error_code = request.error == nullptr ? "" : request.error->code(),
             .error_message = request.error == nullptr ? "" : shortened(request.error->message()),
             .resources = request.resources});
    };
}

}  // namespace kiln::api
