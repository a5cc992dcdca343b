#include "builder/trial/run_trial.hpp"

#include <gmock/gmock.h>

#include <sys/socket.h>

#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "builder/trial/fetch.hpp"
#include "builder/trial/trial_tag.hpp"
#include "images/catalog/security_group.hpp"
#include "images/catalog/tag.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"
#include "tests/loopback_listener.hpp"

namespace kiln::builder {

namespace {

using images::InstanceState;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

/// Trials on a host whose guests are this one: what their agents are told to run runs here.
class TrialTest : public tests::LauncherFixture {
  protected:
    TrialTest() {
        write([&](Session& session) {
            images::insert_operation(session, {.id = operation_,
                                               .kind = "build-image",
                                               .owner = caller().account,
                                               .resource_id = golden().str(),
                                               .payload = "{}",
                                               .created = now()});
            images::set_image_state(session, golden(), images::ImageState::pending);
        });
        host().answer_programs(run_here);
        host().let_agents_answer();
    }

    static hypervisor::GuestProgramResult run_here(const hypervisor::GuestProgram& program) {
        const ProcessResult result =
            run_process({.arguments = program.arguments, .standard_input = program.standard_input});
        return {.exit_status = result.exit_status,
                .output = result.standard_output + result.standard_error};
    }
    TrialTools tools() {
        return {.database = database(),
                .launcher = launcher(),
                .regions = regions(),
                .directory = directory() / "trials"};
    }
    TrialSpec spec() {
        return {.caller = caller(),
                .image = golden(),
                .operation = operation_,
                .on_log = [this](std::string_view line) { said_.emplace_back(line); },
                .stop = stop_.get_token()};
    }
    static Step provisioning(const std::string& script) {
        return {
            .name = "step", .action = ProvisionStep{.script = script}, .time_limit = seconds(60)};
    }
    LayerId provision(const std::string& script) {
        return builder::provision(tools(), spec(), provisioning(script));
    }
    void verify(const std::string& script, int retries = 0) {
        builder::verify(tools(), spec(),
                        {{.name = "check",
                          .check = VerifyRun{.script = script},
                          .retries = retries,
                          .time_limit = seconds(60)}});
    }
    std::vector<images::Instance> instances() {
        return read([&](Session& session) {
            return images::list_instances(session, scope(), from_epoch_ms(0));
        });
    }
    /// Of all trials: terminated, and with no volume, no file and no key.
    void expect_nothing_left() {
        settle();
        for (const images::Instance& instance : instances())
            EXPECT_EQ(instance.state, InstanceState::terminated);
        EXPECT_EQ(host().domain_count(), 0U);
        EXPECT_EQ(layer_count(), 1U) << "the image's";
        EXPECT_EQ(file_count(), 1U);
        EXPECT_TRUE(std::filesystem::is_empty(directory() / "trials"));
    }

    std::vector<std::string> said_;
    std::stop_source stop_;
    OperationId operation_ = OperationId::generate();
};

TEST_F(TrialTest, a_step_becomes_a_frozen_layer_on_the_images_and_the_instance_is_gone) {
    const LayerId layer = provision("echo one; echo two");
    EXPECT_THAT(said_, ElementsAre("one", "two"));
    settle();
    const auto made = layer_now(layer);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->state, images::LayerState::frozen);
    const auto root = image_now(golden()).block_devices.at(0).snapshot.value();
    EXPECT_EQ(made->parent,
              read([&](Session& session) { return images::find_snapshot(session, root)->layer; }));
    EXPECT_THAT(read([&](Session& s) { return images::pinned_layers(s, operation_); }),
                Contains(layer));
    EXPECT_TRUE(pool().exists(layer));
    ASSERT_THAT(instances(), SizeIs(1));
    EXPECT_EQ(instances()[0].state, InstanceState::terminated);
    EXPECT_EQ(layer_count(), 2U);
}

TEST_F(TrialTest, a_pending_image_is_launched_for_a_trial_alone) {
    EXPECT_EQ(tests::error_code_of([&] { run_one(); }), "InvalidAMIID.Unavailable");
    {
        Trial trial(tools(), spec(), {});
        const images::Instance instance = instance_now(trial.instance());
        EXPECT_EQ(instance.state, InstanceState::running);
        EXPECT_TRUE(instance.public_key.starts_with("ssh-ed25519 "));
        const std::filesystem::directory_iterator keys(directory() / "trials");
        EXPECT_EQ(std::filesystem::status(keys->path()).permissions(),
                  std::filesystem::perms(0700));
    }
    expect_nothing_left();
}

TEST_F(TrialTest, another_accounts_image_is_not_launched) {
    images::Caller other = caller();
    other.account = stranger().owner;
    TrialSpec wanted{.caller = other,
                     .image = golden(),
                     .operation = operation_,
                     .on_log = [](std::string_view) {},
                     .stop = {}};
    EXPECT_EQ(tests::error_code_of([&] { Trial(tools(), wanted, {}); }), "InvalidAMIID.NotFound");
    expect_nothing_left();
}

TEST_F(TrialTest, a_script_that_fails_fails_the_step_and_nothing_is_left) {
    const auto fail = [&] { provision("echo 'no route' >&2; exit 5"); };
    EXPECT_EQ(tests::error_code_of(fail), "BuildFailed");
    EXPECT_THAT(tests::error_message_of(fail), HasSubstr("exit status 5: no route"));
    expect_nothing_left();
}

TEST_F(TrialTest, a_guest_that_does_not_start_leaves_nothing) {
    host().fail_next("start_domain", Error("InternalError", "", "no KVM today"));
    EXPECT_THAT(tests::error_message_of([&] { provision("true"); }), HasSubstr("no KVM today"));
    expect_nothing_left();
}

TEST_F(TrialTest, an_agent_that_goes_away_fails_the_step_and_leaves_nothing) {
    host().answer_programs(
        [](const hypervisor::GuestProgram& program) -> hypervisor::GuestProgramResult {
            if (program.standard_input == "doomed")
                throw Error("InternalError", "", "the agent is gone");
            return run_here(program);
        });
    EXPECT_THAT(tests::error_message_of([&] { provision("doomed"); }),
                HasSubstr("the agent is gone"));
    expect_nothing_left();
}

TEST_F(TrialTest, a_guest_that_ends_by_itself_fails_the_step) {
    host().answer_programs([&](const hypervisor::GuestProgram&) -> hypervisor::GuestProgramResult {
        for (const images::Instance& instance : instances())
            host().guest_powers_off(instance.id.str());
        throw Error("InternalError", "", "the domain is gone");
    });
    EXPECT_EQ(tests::error_code_of([&] { provision("true"); }), "BuildFailed");
    expect_nothing_left();
}

TEST_F(TrialTest, a_stop_while_it_boots_leaves_nothing) {
    host().answer_programs([&](const hypervisor::GuestProgram&) -> hypervisor::GuestProgramResult {
        stop_.request_stop();
        throw Error("InternalError", "", "not yet");
    });
    EXPECT_EQ(tests::error_code_of([&] { provision("true"); }), "Canceled");
    expect_nothing_left();
}

TEST_F(TrialTest, a_check_is_tried_as_often_as_it_may_be) {
    const std::string count = directory() / "count";
    const std::string script = "echo x >>" + count + "; [ $(wc -l <" + count + ") = 3 ] || exit 1";
    EXPECT_THAT(tests::error_message_of([&] { verify(script, 1); }), HasSubstr("'check' failed"));
    EXPECT_NO_THROW(verify(script, 0)) << "the third try";
    expect_nothing_left();
}

TEST_F(TrialTest, an_instance_that_is_to_stay_runs_on_as_anybodys) {
    std::optional<InstanceId> kept;
    TrialSpec wanted = spec();
    wanted.on_kept = [&](const InstanceId& id) { kept = id; };
    EXPECT_EQ(
        tests::error_code_of([&] { builder::provision(tools(), wanted, provisioning("exit 1")); }),
        "BuildFailed");
    ASSERT_TRUE(kept);
    EXPECT_EQ(state(*kept), InstanceState::running);
    end_abandoned_trials(tools(), {});
    settle();
    EXPECT_EQ(state(*kept), InstanceState::running);
}

TEST_F(TrialTest, what_a_crash_left_is_ended_at_the_next_start_and_nothing_else) {
    write([&](Session& session) {
        images::set_image_state(session, golden(), images::ImageState::available);
    });
    auto left = request();
    left.system_tags = {{.key = trial_tag, .value = operation_.str()}};
    const InstanceId abandoned = run_one(left);
    const InstanceId other = run_one();
    stop_service();
    start_service();
    end_abandoned_trials(tools(), {});
    EXPECT_EQ(state(abandoned), InstanceState::terminated);
    EXPECT_EQ(state(other), InstanceState::running);
}

/// On a host with bridges, where guests are filtered.
TEST_F(TrialTest, a_group_that_lets_the_host_in_lives_as_long_as_the_trial) {
    host().offer_bridges();
    const auto groups = [&] {
        return read([&](Session& session) {
            std::vector<std::string> names;
            for (const auto& group : images::list_security_groups(session, scope()))
                names.push_back(group.name);
            return names;
        });
    };
    {
        Trial trial(tools(), spec(), {.is_asked_for_pages = true});
        EXPECT_THAT(groups(), Contains(HasSubstr("kiln-trial-")));
        EXPECT_EQ(trial.place_of(80).port, 80);
        EXPECT_NE(trial.place_of(80).host, "127.0.0.1");
    }
    EXPECT_THAT(groups(), Not(Contains(HasSubstr("kiln-trial-"))));
    expect_nothing_left();
}

TEST_F(TrialTest, without_bridges_ports_are_forwarded) {
    Trial trial(tools(), spec(), {.is_asked_for_pages = true});
    EXPECT_EQ(trial.place_of(80).host, "127.0.0.1");
    EXPECT_EQ(trial.place_of(80).port, 40022);
}

/// Answers one request after the other with these texts.
class PageServer {
  public:
    explicit PageServer(std::vector<std::string> answers)
        : thread_([this, answers = std::move(answers)] { serve(answers); }) {}
    Trial::Place place() const { return {.host = "127.0.0.1", .port = listener_.port()}; }

  private:
    void serve(const std::vector<std::string>& answers) const {
        for (const std::string& answer : answers) {
            const Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            char request[4096];
            if (::recv(peer.get(), request, sizeof request, 0) <= 0) continue;
            ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    }

    tests::LoopbackListener listener_;
    std::jthread thread_;
};

std::string page(const std::string& status, const std::string& body) {
    return "HTTP/1.1 " + status +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
}

TEST(Fetch, waits_for_an_answer_and_reads_it) {
    const PageServer server({"", "", page("200 OK", "Hello kiln")});
    EXPECT_NO_THROW(fetch(server.place(), {.expected_text = "kiln"}, Patience({}, seconds(60))));
}

TEST(Fetch, follows_no_answer_elsewhere_and_says_what_is_wrong) {
    const PageServer server({page("302 Found\r\nLocation: http://127.0.0.1:1/", "moved")});
    EXPECT_THAT(tests::error_message_of(
                    [&] { fetch(server.place(), {.path = "/x"}, Patience({}, seconds(60))); }),
                HasSubstr("302 and not 200"));
}

TEST(Fetch, ends_when_nobody_answers) {
    const PageServer server({""});
    EXPECT_THAT(tests::error_message_of(
                    [&] { fetch(server.place(), {}, Patience({}, std::chrono::seconds(0))); }),
                HasSubstr("nobody answers"));
}

}  // namespace

}  // namespace kiln::builder
