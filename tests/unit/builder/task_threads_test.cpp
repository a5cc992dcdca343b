#include "builder/tasks/task_threads.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <stdexcept>

namespace kiln::builder {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A catalog of tasks in memory; a test says what becomes of each.
class TaskThreadsTest : public ::testing::Test {
  protected:
    ~TaskThreadsTest() override { threads_.stop(); }

    void open(const std::string& id, int at) {
        const std::lock_guard lock(mutex_);
        tasks_.push_back({.id = id, .started = from_epoch_ms(at)});
    }
    void close(const std::string& id) {
        const std::lock_guard lock(mutex_);
        std::erase_if(tasks_, [&](const OpenTask& task) { return task.id == id; });
    }
    TaskWork work_that(std::function<void(const std::string&, const std::stop_token&)> run) {
        return {.open_tasks =
                    [this] {
                        const std::lock_guard lock(mutex_);
                        return tasks_;
                    },
                .run = std::move(run)};
    }
    TaskWork work() {
        return work_that([this](const std::string& id, const std::stop_token&) {
            note(id);
            close(id);
        });
    }
    void note(const std::string& what) {
        const std::lock_guard lock(mutex_);
        noted_.push_back(what);
        changed_.notify_all();
    }
    void wait_until_noted(const std::string& what) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return std::ranges::find(noted_, what) != noted_.end(); });
    }
    std::vector<std::string> noted() {
        const std::lock_guard lock(mutex_);
        return noted_;
    }
    static void wait_for(const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any changed;
        std::unique_lock lock(mutex);
        changed.wait(lock, stop, [] { return false; });
    }

    TaskThreads threads_{1};

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<OpenTask> tasks_;
    std::vector<std::string> noted_;
};

TEST_F(TaskThreadsTest, what_is_open_at_the_start_is_done_oldest_first_whatever_its_kind) {
    open("young", 30);
    open("old", 10);
    threads_.add(work());
    threads_.add({.open_tasks = [this]() -> std::vector<OpenTask> {
                      if (!noted().empty() && noted().back() == "of another kind") return {};
                      if (noted().size() != 1) return {};
                      return {{.id = "of another kind", .started = from_epoch_ms(20)}};
                  },
                  .run = [this](const std::string& id, const std::stop_token&) { note(id); }});
    threads_.start();
    threads_.wait_until_idle();
    EXPECT_THAT(noted(), ElementsAre("old", "of another kind", "young"));
}

TEST_F(TaskThreadsTest, a_wake_brings_what_is_new) {
    threads_.add(work());
    threads_.start();
    threads_.wait_until_idle();
    EXPECT_THAT(noted(), IsEmpty());
    open("later", 1);
    threads_.wake();
    threads_.wait_until_idle();
    EXPECT_THAT(noted(), ElementsAre("later"));
}

TEST_F(TaskThreadsTest, an_interrupted_task_stops_and_is_run_again_while_it_is_open) {
    open("task", 1);
    threads_.add(work_that([this](const std::string& id, const std::stop_token& stop) {
        const bool again = !noted().empty();
        note(again ? "begun again" : "begun");
        if (again) return close(id);
        wait_for(stop);
    }));
    threads_.start();
    wait_until_noted("begun");
    threads_.interrupt("another");
    threads_.interrupt("task");
    threads_.wait_until_idle();
    EXPECT_THAT(noted(), ElementsAre("begun", "begun again"));
}

TEST_F(TaskThreadsTest, a_task_whose_run_throws_is_left_alone_and_others_go_on) {
    open("bad", 1);
    open("good", 2);
    threads_.add(work_that([this](const std::string& id, const std::stop_token&) {
        note(id);
        if (id == "bad") throw std::runtime_error("no");
        close(id);
    }));
    threads_.start();
    threads_.wait_until_idle();
    EXPECT_THAT(noted(), ElementsAre("bad", "good"));
}

TEST_F(TaskThreadsTest, a_stop_waits_for_what_runs_and_begins_nothing) {
    open("first", 1);
    open("second", 2);
    threads_.add(work_that([this](const std::string& id, const std::stop_token& stop) {
        note(id);
        wait_for(stop);
        note("stopped");
    }));
    threads_.start();
    wait_until_noted("first");
    threads_.stop();
    threads_.stop();
    EXPECT_THAT(noted(), ElementsAre("first", "stopped"));
    EXPECT_THAT(noted(), SizeIs(2));
}

}  // namespace

}  // namespace kiln::builder
