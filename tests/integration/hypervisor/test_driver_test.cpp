#include <gmock/gmock.h>

#include <future>

#include "base/error.hpp"
#include "hypervisor/hypervisor.hpp"

namespace kiln::hypervisor {
namespace {

// libvirt's test driver: a host inside this process on which one domain, 'test', runs.
class TestDriver : public testing::Test {
  protected:
    const std::unique_ptr<Hypervisor> hypervisor_ = connect("test:///default");
};

DomainSpec small_guest() {
    return {.name = "guest",
            .uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ab",
            .catalog_id = "catalog-1",
            .memory = Bytes::mebibytes(64),
            .disks = {{.target = "vda", .serial = "root", .chain = {{"/pool/top.qcow2"}}}}};
}

template <class Work>
Error error_of(Work&& work) {
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error("", "", "");
}

TEST_F(TestDriver, runs_one_domain_which_is_not_ours) {
    EXPECT_EQ(hypervisor_->domain_state("test"), DomainState::running);
    EXPECT_THAT(hypervisor_->domains_of("catalog-1"), testing::IsEmpty());
}

TEST_F(TestDriver, tells_the_listener_when_a_domain_stops) {
    std::promise<DomainEvent> told;
    hypervisor_->set_event_listener([&](const DomainEvent& event) { told.set_value(event); });
    hypervisor_->destroy("test");
    auto event = told.get_future();
    ASSERT_EQ(event.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    const DomainEvent stopped = event.get();
    hypervisor_->set_event_listener(nullptr);
    EXPECT_EQ(stopped.domain, "test");
    EXPECT_EQ(stopped.kind, DomainEventKind::stopped);
    EXPECT_EQ(stopped.detail, "destroyed");
    EXPECT_EQ(hypervisor_->domain_state("test"), DomainState::absent);
}

TEST_F(TestDriver, ends_a_wait_as_soon_as_the_domain_is_gone) {
    auto waiting = std::async(std::launch::async, [&] {
        return hypervisor_->wait_until_gone("test", std::chrono::seconds(60));
    });
    hypervisor_->destroy("test");
    EXPECT_TRUE(waiting.get());
}

TEST_F(TestDriver, gives_up_waiting_for_a_domain_that_stays) {
    EXPECT_FALSE(hypervisor_->wait_until_gone("test", std::chrono::milliseconds(10)));
}

TEST_F(TestDriver, destroys_a_domain_that_does_not_exist_without_an_error) {
    hypervisor_->destroy("nobody");
    EXPECT_TRUE(hypervisor_->wait_until_gone("nobody", std::chrono::milliseconds(0)));
}

TEST_F(TestDriver, runs_a_guest_that_its_catalog_finds_again) {
    hypervisor_->start_domain(small_guest());
    EXPECT_EQ(hypervisor_->domain_state("guest"), DomainState::running);
    EXPECT_THAT(hypervisor_->domains_of("catalog-1"), testing::ElementsAre("guest"));
    EXPECT_THAT(hypervisor_->domains_of("catalog-2"), testing::IsEmpty());
    EXPECT_EQ(hypervisor_->active_file("guest", "root"), "/pool/top.qcow2");
    EXPECT_EQ(hypervisor_->active_file("guest", "another"), std::nullopt);
    hypervisor_->destroy("guest");
    EXPECT_EQ(hypervisor_->domain_state("guest"), DomainState::absent);
}

TEST_F(TestDriver, has_no_agent_that_answers) {
    EXPECT_FALSE(hypervisor_->agent_answers("test", std::chrono::seconds(1)));
    EXPECT_FALSE(hypervisor_->agent_answers("nobody", std::chrono::seconds(1)));
}

TEST_F(TestDriver, takes_a_screenshot) {
    EXPECT_EQ(hypervisor_->screenshot("test").jpeg.substr(0, 3), "\xff\xd8\xff");
}

TEST_F(TestDriver, describes_its_host) {
    EXPECT_GT(hypervisor_->host_capacity().memory.value, 0U);
    EXPECT_GT(hypervisor_->host_capacity().processors, 0U);
    EXPECT_THAT(hypervisor_->host_versions().libvirt, testing::MatchesRegex("[0-9]+[.0-9]+"));
    EXPECT_EQ(hypervisor_->qemu_user(), std::nullopt);
}

TEST_F(TestDriver, refuses_what_needs_a_domain_that_does_not_exist) {
    const Error error = error_of([&] { hypervisor_->reset("nobody"); });
    EXPECT_EQ(error.code(), error_code::internal_error);
    EXPECT_EQ(error.resource(), "nobody");
    EXPECT_EQ(error.message(), "domain 'nobody' does not run");
}

TEST_F(TestDriver, refuses_a_guest_with_libvirts_words) {
    DomainSpec spec = small_guest();
    spec.uuid = "no uuid";
    const Error error = error_of([&] { hypervisor_->start_domain(spec); });
    EXPECT_EQ(error.code(), error_code::internal_error);
    EXPECT_EQ(error.resource(), "guest");
    EXPECT_THAT(error.message(), testing::StartsWith("cannot start 'guest': "));
    EXPECT_THAT(error.message(), testing::HasSubstr("uuid"));
    EXPECT_EQ(hypervisor_->domain_state("guest"), DomainState::absent);
}

TEST_F(TestDriver, refuses_what_it_cannot_do) {
    EXPECT_THROW(hypervisor_->request_shutdown("test"), Error);
    EXPECT_THROW(hypervisor_->forward_port("test", 22), Error);
    EXPECT_THROW(hypervisor_->open_console("test", {}), Error);
    EXPECT_EQ(hypervisor_->active_file("nobody", "root"), std::nullopt);
    EXPECT_FALSE(hypervisor_->is_pulling("nobody", "root"));
    EXPECT_THROW(hypervisor_->snapshot_disks("test", {{.serial = "no", .overlay = "/x"}}), Error);
    EXPECT_THROW(hypervisor_->resize_disk("test", "no", Bytes::gibibytes(1)), Error);
    EXPECT_TRUE(hypervisor_->detach_disk("test", "no")) << "it has none";
    EXPECT_TRUE(hypervisor_->detach_disk("nobody", "root"));
}

TEST(Connect, says_what_to_do_when_libvirt_cannot_be_reached) {
    const Error error =
        error_of([] { connect("qemu+unix:///session?socket=/nonexistent/libvirt-sock"); });
    EXPECT_EQ(error.code(), error_code::unavailable);
    EXPECT_THAT(error.message(), testing::HasSubstr("cannot connect to libvirt at"));
    EXPECT_THAT(error.message(), testing::HasSubstr("virsh --connect"));
}

TEST(Connect, writes_nothing_to_stderr) {
    testing::internal::CaptureStderr();
    EXPECT_THROW(connect("qemu+unix:///session?socket=/nonexistent/libvirt-sock"), Error);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace kiln::hypervisor
