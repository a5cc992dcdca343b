#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "api/server/audit_log.hpp"
#include "base/clock.hpp"
#include "images/audit/event.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class EventActionsTest : public ActionsTest {
  protected:
    EventActionsTest() { write_events_to(audit_log(database(), clock_)); }

    static WirePairs about(const char* key, const std::string& value) {
        return {{"LookupAttribute.1.AttributeKey", key},
                {"LookupAttribute.1.AttributeValue", value}};
    }

  private:
    SystemClock clock_;
};

TEST_F(EventActionsTest, changes_and_refusals_are_told_with_whom_they_concern_and_reads_are_not) {
    const std::string image = golden().str();
    const std::string instance = launch();
    done("DescribeInstances");
    become_stranger();
    send("DeregisterImage", {{"ImageId", image}});
    become_owner();
    done("DeregisterImage", {{"ImageId", image}});
    const Answer events = done("LookupEvents", about("ResourceName", image));
    EXPECT_THAT(events.texts("//eventName"),
                ElementsAre("DeregisterImage", "DeregisterImage", "RunInstances"));
    EXPECT_THAT(events.texts("//errorCode"), ElementsAre("InvalidAMIID.NotFound"));
    EXPECT_THAT(
        events.texts("//accountId"),
        ElementsAre(caller().account.str(), stranger().owner.str(), caller().account.str()));
    EXPECT_THAT(done("LookupEvents", about("EventName", "RunInstances")).texts("//resourceName"),
                Contains(instance));
    EXPECT_THAT(done("LookupEvents", about("EventName", "DescribeInstances")).texts("//eventName"),
                IsEmpty());
}

TEST_F(EventActionsTest, what_was_meant_is_told_and_what_was_written_is_not) {
    const std::string image = golden().str();
    done("CreateTags", {{"ResourceId.1", image},
                        {"Tag.1.Key", "note"},
                        {"Tag.1.Value", "not about i-0123456789abcdef0"}});
    EXPECT_THAT(done("LookupEvents", about("EventName", "CreateTags")).texts("//resourceName"),
                ElementsAre(image));
    const std::string account =
        done("CreateAccount", {{"AccountName", "lab"}, {"Uid.1", "4711"}}).text("//id");
    done("ModifyAccountQuotas", {{"AccountId", account}, {"Images", "1"}});
    done("ModifyImageAttribute", {{"ImageId", image}, {"LaunchPermission.Add.1.UserId", account}});
    EXPECT_THAT(done("LookupEvents", about("ResourceName", account)).texts("//eventName"),
                ElementsAre("ModifyImageAttribute", "ModifyAccountQuotas", "CreateAccount"));
    EXPECT_THAT(done("LookupEvents", about("ResourceName", "4711")).texts("//eventName"),
                ElementsAre("CreateAccount"));
}

TEST_F(EventActionsTest, who_is_no_administrator_sees_the_events_of_the_own_account) {
    done("CreateSecurityGroup", {{"GroupName", "own"}, {"GroupDescription", "own"}});
    become_stranger();
    EXPECT_THAT(done("LookupEvents").texts("//eventName"), IsEmpty());
    send("TerminateInstances", {{"InstanceId.1", "i-00000000"}});
    const Answer events = done("LookupEvents", {{"StartTime", "2020-01-01"}});
    EXPECT_THAT(events.texts("//errorCode"), ElementsAre("InvalidInstanceID.NotFound"));
    EXPECT_THAT(done("LookupEvents", {{"EndTime", "2020-01-01"}}).texts("//eventName"), IsEmpty());
    EXPECT_EQ(send("LookupEvents", {{"EndTime", "yesterday"}}).code, "InvalidParameterValue");
}

TEST_F(EventActionsTest, the_key_of_a_signed_request_is_told) {
    images::Caller signer = caller();
    signer.access_key_id = "AKIA2345672345672345";
    const SystemClock clock;
    audit_log(database(), clock)({.action = "StopInstances",
                                  .caller = signer,
                                  .request_id = "r",
                                  .error = nullptr,
                                  .resources = {}})
        .wait();
    done("CreateTags",
         {{"ResourceId.1", golden().str()}, {"Tag.1.Key", "note"}, {"Tag.1.Value", "v"}});
    const Answer events = done("LookupEvents", about("AccessKeyId", signer.access_key_id));
    EXPECT_THAT(events.texts("//eventName"), ElementsAre("StopInstances"));
    EXPECT_THAT(events.texts("//accessKeyId"), ElementsAre(signer.access_key_id));
}

TEST_F(EventActionsTest, each_of_many_at_once_is_on_the_disk_when_it_is_noted) {
    constexpr int threads = 8;
    constexpr int events = 25;
    const SystemClock clock;
    const Audit audit = audit_log(database(), clock);
    std::atomic<int> missing = 0;
    const auto audit_some = [&](int thread) {
        for (int i = 0; i < events; ++i) {
            const std::string request = std::to_string(thread) + "-" + std::to_string(i);
            audit({.action = "RunInstances",
                   .caller = caller(),
                   .request_id = request,
                   .error = nullptr,
                   .resources = {}})
                .wait();
            const auto written =
                database().read([](Session& session) { return images::list_events(session, {}); });
            const bool is_there = std::ranges::any_of(
                written, [&](const images::Event& event) { return event.request_id == request; });
            if (!is_there) ++missing;
        }
    };
    std::vector<std::jthread> running;
    for (int thread = 0; thread < threads; ++thread)
        running.emplace_back(audit_some, thread);
    running.clear();
    EXPECT_EQ(missing, 0);
    EXPECT_EQ(
        database().read([](Session& session) { return images::list_events(session, {}).size(); }),
        std::size_t{threads * events});
}

}  // namespace

}  // namespace kiln::api::tests
