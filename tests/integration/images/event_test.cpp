#include "images/audit/event.hpp"

#include <gmock/gmock.h>

#include "base/random.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images::tests {

namespace {

using testing::ElementsAre;

class EventTest : public kiln::tests::CatalogFixture {
  protected:
    void insert(const std::string& name, Time time) {
        write([&](Session& session) {
            insert_event(session, {.id = random_uuid(),
                                   .time = time,
                                   .name = name,
                                   .account = caller().account,
                                   .acting_account = caller().account,
                                   .region = caller().region,
                                   .resources = {"ami-0123456789abcdef0"}});
        });
    }
    void forget(Time before, int newest) {
        write([&](Session& session) { forget_events(session, before, newest); });
    }
    std::vector<std::string> names() {
        std::vector<std::string> names;
        for (const Event& event : read([](Session& s) { return list_events(s, {}); }))
            names.push_back(event.name);
        return names;
    }
};

TEST_F(EventTest, those_of_one_moment_are_told_in_their_order) {
    const std::vector<std::string> order{"first", "second", "third", "fourth", "fifth", "sixth"};
    for (const std::string& name : order)
        insert(name, now());
    EXPECT_EQ(names(), std::vector<std::string>(order.rbegin(), order.rend()));
}

TEST_F(EventTest, old_ones_are_forgotten_but_for_the_newest) {
    const Time start = now();
    for (int day = 1; day <= 5; ++day)
        insert("day " + std::to_string(day), start + std::chrono::days(day));
    forget(start + std::chrono::days(4), 0);
    EXPECT_THAT(names(), ElementsAre("day 5", "day 4"));
    forget(start + std::chrono::days(1000), 2);
    EXPECT_THAT(names(), ElementsAre("day 5", "day 4")) << "the clock may be wrong";
    insert("day 6", start + std::chrono::days(6));
    forget(start + std::chrono::days(1000), 2);
    EXPECT_THAT(names(), ElementsAre("day 6", "day 5"));
}

TEST_F(EventTest, the_oldest_refusals_of_an_account_go_and_what_it_did_stays) {
    const auto refuse = [&](const AccountId& account, const std::string& name) {
        write([&](Session& session) {
            insert_event(session, {.id = random_uuid(),
                                   .time = now(),
                                   .name = name,
                                   .account = account,
                                   .acting_account = account,
                                   .region = caller().region,
                                   .error_code = "AuthFailure"});
        });
    };
    insert("done", now());
    for (const char* name : {"first", "second", "third"})
        refuse(caller().account, name);
    refuse(stranger().owner, "another's");
    write([&](Session& session) { forget_refusals(session, caller().account, 2); });
    EXPECT_THAT(names(), ElementsAre("another's", "third", "second", "done"));
    write([&](Session& session) { forget_refusals(session, caller().account, 2); });
    EXPECT_EQ(names().size(), 4U);
    insert("done again", now());
    write([&](Session& session) { forget_successes(session, caller().account, 1); });
    EXPECT_THAT(names(), ElementsAre("done again", "another's", "third", "second"));
}

}  // namespace

}  // namespace kiln::images::tests
