#include <gmock/gmock.h>

#include "base/text.hpp"
#include "images/catalog/tag.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using images::InstanceState;
using ::testing::HasSubstr;

class RunInstancesTest : public LauncherFixture {
  protected:
    std::string refusal(const launcher::RunInstancesRequest& wanted) {
        return error_code_of([&] { launcher().run_instances(caller(), wanted); });
    }
    /// Nothing of a refused launch may stay.
    void expect_nothing_left() {
        EXPECT_EQ(host().domain_count(), 0U);
        EXPECT_EQ(file_count(), 1U) << "only the image's own layer";
        EXPECT_EQ(layer_count(), 1U);
        EXPECT_EQ(open_operation_count(), 0U);
    }
};

TEST_F(RunInstancesTest, answers_pending_and_then_runs_from_one_overlay_each) {
    auto wanted = request();
    wanted.min_count = 2;
    wanted.max_count = 2;
    const auto reservation = launcher().run_instances(caller(), wanted);

    ASSERT_EQ(reservation.instances.size(), 2U);
    EXPECT_EQ(reservation.instances[0].state, InstanceState::pending);
    settle();
    for (const auto& instance : reservation.instances) {
        EXPECT_EQ(state(instance.id), InstanceState::running);
        const auto chain = host().spec(instance.id.str()).disks.at(0).chain;
        ASSERT_EQ(chain.size(), 2U);
        EXPECT_EQ(chain[0].path, pool().path_of(volumes(instance.id).at(0).layer.value()));
    }
    EXPECT_EQ(file_count(), 3U) << "the image's layer and two overlays";
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(RunInstancesTest, the_same_client_token_launches_once) {
    auto wanted = request();
    wanted.client_token = "once";
    const auto first = launcher().run_instances(caller(), wanted);
    const auto second = launcher().run_instances(caller(), wanted);
    settle();

    EXPECT_EQ(first.id, second.id);
    EXPECT_EQ(host().domain_count(), 1U);
    wanted.instance_type = "t3.small";
    EXPECT_EQ(refusal(wanted), "IdempotentParameterMismatch");
}

TEST_F(RunInstancesTest, a_dry_run_changes_nothing) {
    auto tries = caller();
    tries.dry_run = true;
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(tries, request()); }),
              "DryRunOperation");
    settle();
    expect_nothing_left();
}

TEST_F(RunInstancesTest, refuses_what_it_cannot_do) {
    struct Row {
        const char* what;
        std::function<void(launcher::RunInstancesRequest&)> change;
        const char* code;
    };
    const std::vector<Row> rows{
        {"unknown image", [](auto& r) { r.image = ImageId::generate(); }, "InvalidAMIID.NotFound"},
        {"unknown type", [](auto& r) { r.instance_type = "t3.smal"; }, "InvalidParameterValue"},
        {"unknown key", [](auto& r) { r.key_name = "nobody"; }, "InvalidKeyPair.NotFound"},
        {"unknown zone", [](auto& r) { r.zone = "mars-1a"; }, "InvalidParameterValue"},
        {"no instance", [](auto& r) { r.min_count = 0; }, "InvalidParameterValue"},
        {"fewer at most than at least", [](auto& r) { r.min_count = 2; }, "InvalidParameterValue"},
        {"too many", [](auto& r) { r.max_count = 101; }, "InstanceLimitExceeded"},
        {"user data that is not base64", [](auto& r) { r.user_data = "%%%"; },
         "InvalidParameterValue"},
        {"user data past 16 KiB",
         [](auto& r) { r.user_data = base64_encode(std::string(16385, 'x')); },
         "InvalidParameterValue"},
        {"root smaller than its snapshot",
         [](auto& r) {
             r.block_devices = {{.device_name = "/dev/sda1", .volume_size = Bytes::mebibytes(512)}};
         },
         "InvalidBlockDeviceMapping"},
        {"more memory than the host has", [](auto& r) { r.instance_type = "r5.24xlarge"; },
         "InsufficientInstanceCapacity"},
    };
    for (const Row& row : rows) {
        auto wanted = request();
        row.change(wanted);
        EXPECT_EQ(refusal(wanted), row.code) << row.what;
    }
    settle();
    expect_nothing_left();
}

TEST_F(RunInstancesTest, refuses_an_image_that_is_pending_or_deregistered) {
    write([&](Session& session) {
        images::set_image_state(session, golden(), images::ImageState::pending);
    });
    EXPECT_EQ(refusal(request()), "InvalidAMIID.Unavailable");
    write([&](Session& session) {
        images::set_image_state(session, golden(), images::ImageState::deregistered);
    });
    EXPECT_EQ(refusal(request()), "InvalidAMIID.Unavailable");
}

TEST_F(RunInstancesTest, refuses_when_the_pool_is_nearly_full) {
    settings().free_space_reserve = Bytes::gibibytes(1U << 20);
    EXPECT_EQ(refusal(request()), "InsufficientInstanceCapacity");
    settings().free_space_reserve = Bytes::mebibytes(1);
    expect_nothing_left();
}

TEST_F(RunInstancesTest, launches_as_many_as_fit_between_min_and_max) {
    host().set_memory(Bytes::mebibytes(512 + 3 * 1024));
    auto wanted = request();
    wanted.max_count = 10;
    EXPECT_EQ(launcher().run_instances(caller(), wanted).instances.size(), 3U);
    settle();
    EXPECT_EQ(refusal(request()), "InsufficientInstanceCapacity");
}

TEST_F(RunInstancesTest, a_domain_that_does_not_start_leaves_a_terminated_instance_with_the_cause) {
    host().fail_next("start_domain", Error("InternalError", "", "QEMU said: no such machine"));
    const InstanceId id = run_one();

    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_EQ(instance_now(id).state_reason.code, "Server.InternalError");
    EXPECT_THAT(instance_now(id).state_reason.message, HasSubstr("QEMU said: no such machine"));
    expect_nothing_left();
}

TEST_F(RunInstancesTest, another_accounts_image_is_refused_as_ec2_refuses_it) {
    images::Caller other{.account = stranger().owner, .region = caller().region};
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(other, request()); }), "AuthFailure");
}

TEST_F(RunInstancesTest, another_accounts_snapshot_is_refused_as_if_it_were_not_there) {
    const images::Layer base = layer();
    images::Snapshot theirs = snapshot(base.id);
    theirs.owner = stranger().owner;
    write([&](Session& session) {
        images::insert_layer(session, base);
        images::insert_snapshot(session, theirs);
    });
    auto wanted = request();
    wanted.block_devices = {{.device_name = "/dev/sdf", .snapshot = theirs.id}};

    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), wanted); }),
              "InvalidSnapshot.NotFound");
    const InstanceId id = run_one();
    EXPECT_EQ(error_code_of([&] {
                  launcher().create_image(caller(), {.instance = id,
                                                     .name = "with-theirs",
                                                     .block_devices = wanted.block_devices});
              }),
              "InvalidSnapshot.NotFound");
}

TEST_F(RunInstancesTest, tags_and_new_volumes_are_made_with_the_instance) {
    auto wanted = request();
    wanted.instance_tags = {{.key = "Name", .value = "web"}};
    wanted.volume_tags = {{.key = "of", .value = "web"}};
    wanted.block_devices = {{.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(2)}};
    const InstanceId id = run_one(wanted);

    const auto attached = volumes(id);
    ASSERT_EQ(attached.size(), 2U);
    EXPECT_FALSE(attached[1].attachment->delete_on_termination)
        << "EC2's default for added volumes";
    EXPECT_EQ(host().spec(id.str()).disks.at(1).chain.size(), 1U);
    const auto tags =
        read([&](Session& session) { return images::tags_by_resource(session, scope()); });
    EXPECT_EQ(tags.at(id.str()).at(0).value, "web");
    EXPECT_EQ(tags.at(attached[1].id.str()).at(0).key, "of");
}

}  // namespace

}  // namespace kiln::tests
