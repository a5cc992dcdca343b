#include "api/server/audit_log.hpp"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "images/audit/event.hpp"

namespace kiln::api {

namespace {

/// A few events too many do no harm. Of what accounts did there is more to look through.
constexpr std::size_t events_between_forgetting = 256;
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

/// Writes events on a thread of its own: all that wait in one transaction, so that the disk is
/// waited for once and not once for each.
class EventWriter {
  public:
    explicit EventWriter(Database& database)
        : database_(database), thread_([this] { write_all(); }) {}
    /// Returns when all are written.
    ~EventWriter() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    EventWriter(const EventWriter&) = delete;
    EventWriter& operator=(const EventWriter&) = delete;

    /// Ends when the event is on the disk, or cannot be, which the log tells. Any thread.
    Completion write(images::Event event) {
        const std::lock_guard lock(mutex_);
        next_.events.push_back(std::move(event));
        changed_.notify_one();
        return next_.written;
    }

  private:
    struct Batch {
        std::vector<images::Event> events = {};
        Completion written = {};
    };

    void write_all() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return is_stopping_ || !next_.events.empty(); });
            if (next_.events.empty()) return;
            const Batch batch = std::exchange(next_, {});
            lock.unlock();
            write(batch);
            lock.lock();
        }
    }

    void write(const Batch& batch) {
        try {
            insert(batch.events);
        } catch (const std::exception& error) {
            for (const images::Event& event : batch.events) {
                log::error("{} is not in the audit log: {} ({})", event.name, error.what(),
                           event.request_id);
            }
        }
        batch.written.end();
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
    std::size_t count_ = 0;  // of the thread
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_stopping_ = false;
    Batch next_;
    std::thread thread_;  // the last: it uses all others
};

}  // namespace

Audit audit_log(Database& database, const Clock& clock) {
    const auto writer = std::make_shared<EventWriter>(database);
    return [&clock, writer](const AuditedRequest& request) {
        const images::Caller& caller = request.caller;
        const Time now = clock.now();
        return writer->write(
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
