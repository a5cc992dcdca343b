#include "builder/import/import_threads.hpp"

#include <gmock/gmock.h>

#include <latch>

namespace kiln::builder {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// What was worked at, from several threads.
class Record {
  public:
    void add(const std::string& task) {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(task);
    }
    std::vector<std::string> tasks() const {
        const std::lock_guard lock(mutex_);
        return tasks_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> tasks_;
};

void wait_for(const std::stop_token& stop) {
    std::latch stopped(1);
    const std::stop_callback when_stopped(stop, [&] { stopped.count_down(); });
    stopped.wait();
}

TEST(ImportThreads, one_thread_works_at_each_task_once_in_the_order_of_addition) {
    Record record;
    std::latch all_added(1);
    ImportThreads threads(1, [&](const ImportThreads::Turn& turn) {
        all_added.wait();
        record.add(turn.task);
    });
    for (const char* task : {"a", "b", "a", "c"})
        threads.add(task);
    all_added.count_down();
    threads.wait_until_idle();
    EXPECT_THAT(record.tasks(), ElementsAre("a", "b", "c"));
    threads.add("a");
    threads.wait_until_idle();
    EXPECT_THAT(record.tasks(), ElementsAre("a", "b", "c", "a")) << "it had ended before";
}

TEST(ImportThreads, as_many_tasks_as_threads_go_on_at_once_each_in_a_slot_of_its_own) {
    std::latch both(2);
    std::mutex mutex;
    std::vector<unsigned> slots;
    ImportThreads threads(2, [&](const ImportThreads::Turn& turn) {
        both.arrive_and_wait();
        const std::lock_guard lock(mutex);
        slots.push_back(turn.slot);
    });
    threads.add("a");
    threads.add("b");
    threads.wait_until_idle();
    EXPECT_THAT(slots, testing::UnorderedElementsAre(0U, 1U));
}

TEST(ImportThreads, a_canceled_task_has_ended_when_that_is_told) {
    Record record;
    std::latch begun(1);
    ImportThreads threads(1, [&](const ImportThreads::Turn& turn) {
        begun.count_down();
        wait_for(turn.stop);
        record.add(turn.task);
    });
    threads.add("a");
    begun.wait();
    threads.cancel("a");
    EXPECT_THAT(record.tasks(), ElementsAre("a"));
    threads.cancel("nobody knows it");
    EXPECT_FALSE(threads.is_stopping());
}

TEST(ImportThreads, a_canceled_task_that_waits_is_taken_back_at_once) {
    Record record;
    std::latch begun(1);
    std::latch goes_on(1);
    ImportThreads threads(1, [&](const ImportThreads::Turn& turn) {
        if (turn.task == "first") {
            begun.count_down();
            goes_on.wait();
        }
        record.add(turn.task);
    });
    threads.add("first");
    threads.add("waits");
    begun.wait();
    threads.cancel("waits");  // returns although the first has not ended
    EXPECT_THAT(record.tasks(), IsEmpty());
    goes_on.count_down();
    threads.wait_until_idle();
    EXPECT_THAT(record.tasks(), ElementsAre("first"));
}

TEST(ImportThreads, at_the_end_what_goes_on_is_stopped_and_what_waits_is_left) {
    Record record;
    std::latch begun(1);
    {
        ImportThreads threads(1, [&](const ImportThreads::Turn& turn) {
            begun.count_down();
            wait_for(turn.stop);
            record.add(turn.task);
        });
        threads.add("a");
        threads.add("b");
        begun.wait();
    }
    EXPECT_THAT(record.tasks(), ElementsAre("a"));
}

}  // namespace

}  // namespace kiln::builder
