#include <gmock/gmock.h>

#include <thread>

#include "base/file_readers.hpp"
#include "images/accounts/account.hpp"
#include "images/catalog/permission.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr hypervisor::ProcessUser libvirt_qemu{.uid = 64055, .gid = 107};
constexpr uid_t first_user = default_guest_users.first;
constexpr std::chrono::seconds limit{10};

/// A host whose libvirt runs QEMU as another user than the service.
class GuestUsersTest : public LauncherFixture {
  protected:
    GuestUsersTest() {
        host().run_guests_as(libvirt_qemu);
        write([&](Session& session) {
            images::insert_account(session,
                                   {.id = caller().account, .name = "first", .created = now()});
            images::insert_account(session, {.id = second_, .name = "second", .created = now()});
            images::grant(session, golden(), images::everybody);
        });
    }

    images::Caller second_caller() const {
        images::Caller caller = this->caller();
        caller.account = second_;
        return caller;
    }
    InstanceId run_as(const images::Caller& caller) {
        const InstanceId id = launcher().run_instances(caller, request()).instances.at(0).id;
        settle();
        return id;
    }
    std::filesystem::path base_file() {
        const auto snapshot = image_now(golden()).block_devices.at(0).snapshot.value();
        return read([&](Session& session) {
            return pool().path_of(images::find_snapshot(session, snapshot)->layer.value());
        });
    }
    void wait_for_readers(const std::filesystem::path& file, const std::vector<uid_t>& readers) {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        while (readers_of(file) != readers && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        EXPECT_EQ(readers_of(file), readers) << file;
    }

    const AccountId second_ = AccountId::generate();
};

TEST_F(GuestUsersTest, qemu_runs_as_the_user_of_the_account_of_its_guest) {
    const InstanceId mine = run_as(caller());
    const InstanceId other = run_as(second_caller());
    EXPECT_EQ(host().spec(mine.str()).user,
              (hypervisor::ProcessUser{.uid = first_user, .gid = first_user}));
    EXPECT_EQ(host().spec(other.str()).user,
              (hypervisor::ProcessUser{.uid = first_user + 1, .gid = first_user + 1}));
}

TEST_F(GuestUsersTest, a_layer_is_open_to_those_whose_guests_stand_on_it) {
    EXPECT_THAT(readers_of(base_file()), IsEmpty());
    const InstanceId mine = run_as(caller());
    const InstanceId twin = run_as(caller());
    const InstanceId other = run_as(second_caller());
    EXPECT_THAT(readers_of(base_file()), ElementsAre(first_user, first_user + 1));

    launcher().terminate_instances(second_caller(), {other});
    wait_for_readers(base_file(), {first_user});
    launcher().stop_instances(caller(), {mine}, false);
    settle();
    launcher().terminate_instances(caller(), {twin});
    wait_for_readers(base_file(), {});
    launcher().start_instances(caller(), {mine});
    settle();
    EXPECT_THAT(readers_of(base_file()), ElementsAre(first_user));
}

TEST_F(GuestUsersTest, what_a_crash_left_open_is_closed_at_the_next_start) {
    const InstanceId mine = run_as(caller());
    add_reader(base_file(), first_user + 1);
    constexpr uid_t backup_program = 70000;  // the administrator's own business
    add_reader(base_file(), backup_program);
    stop_service();
    start_service();
    wait_for_readers(base_file(), {backup_program, first_user});
}

TEST_F(GuestUsersTest, a_layer_that_everybody_could_read_is_closed_at_the_next_start) {
    std::filesystem::permissions(base_file(), std::filesystem::perms{0444});
    stop_service();
    start_service();
    EXPECT_EQ(std::filesystem::status(base_file()).permissions(), std::filesystem::perms{0400});
}

TEST_F(GuestUsersTest, an_attached_volume_opens_what_it_stands_on_until_it_is_detached) {
    const InstanceId mine = run_as(caller());
    const SnapshotId snapshot =
        image_now(insert_image("other")).block_devices.at(0).snapshot.value();
    const std::filesystem::path file = read([&](Session& session) {
        return pool().path_of(images::find_snapshot(session, snapshot)->layer.value());
    });
    const VolumeId volume =
        launcher().create_volume(caller(), {.zone = "local-1a", .snapshot = snapshot}).id;
    settle();
    launcher().attach_volume(caller(),
                             {.volume = volume, .instance = mine, .device_name = "/dev/sdf"});
    settle();
    EXPECT_THAT(readers_of(file), ElementsAre(first_user));
    launcher().detach_volume(caller(), {.volume = volume});
    wait_for_readers(file, {});
}

TEST_F(GuestUsersTest, a_layer_that_can_be_opened_to_no_more_users_is_told) {
    constexpr uid_t other_users = 100'000;
    constexpr uid_t more_than_any_file_system_names = 10'000;
    uid_t named = 0;
    try {
        while (named < more_than_any_file_system_names)
            add_reader(base_file(), other_users + named++);
    } catch (const Error&) {
        // The list is full.
    }
    ASSERT_LT(named, more_than_any_file_system_names);
    const InstanceId id = run_as(caller());
    EXPECT_EQ(state(id), images::InstanceState::terminated);
    EXPECT_THAT(instance_now(id).state_reason.message,
                testing::HasSubstr("guests of some other accounts that stand on the same image"));
}

TEST_F(GuestUsersTest, one_user_for_all_accounts_may_be_configured) {
    settings().guest_users.reset();
    const InstanceId mine = run_as(caller());
    EXPECT_EQ(host().spec(mine.str()).user, std::nullopt);
    EXPECT_THAT(readers_of(base_file()), ElementsAre(libvirt_qemu.uid));
    launcher().terminate_instances(caller(), {mine});
    wait_for_readers(base_file(), {});
}

TEST_F(GuestUsersTest, an_account_beyond_the_configured_users_is_told_what_to_do) {
    settings().guest_users = UserRange{.first = 70000, .last = 70000};
    const InstanceId other = run_as(second_caller());
    EXPECT_EQ(state(other), images::InstanceState::terminated);
    EXPECT_THAT(instance_now(other).state_reason.message,
                testing::HasSubstr("guest_uids has 1 of them, too few for account number 2"));
    EXPECT_EQ(state(run_as(caller())), images::InstanceState::running);
}

}  // namespace
}  // namespace kiln::tests
