#include "images/catalog/instance.hpp"

#include <gmock/gmock.h>

#include "images/catalog/operation.hpp"
#include "images/catalog/tag.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using tests::error_code_of;
using tests::error_message_of;

class InstanceTest : public tests::CatalogFixture {
  protected:
    Instance insert(Instance instance) {
        write([&](Session& session) { insert_instance(session, instance); });
        return instance;
    }
    Instance new_instance() const { return instance(image_); }
    Instance terminated_at(Time time) const {
        Instance gone = new_instance();
        gone.state = InstanceState::terminated;
        gone.terminated = time;
        return gone;
    }
    std::vector<InstanceId> listed(const Scope& as, Time terminated_since) {
        return ids_of(
            read([&](Session& session) { return list_instances(session, as, terminated_since); }));
    }
    static std::vector<InstanceId> ids_of(const std::vector<Instance>& instances) {
        std::vector<InstanceId> ids;
        for (const Instance& instance : instances)
            ids.push_back(instance.id);
        return ids;
    }
    bool is_known(const InstanceId& id) {
        return read([&](Session& session) { return find_instance(session, id); }).has_value();
    }
    void forget(Time before) {
        write([&](Session& session) { forget_terminated_instances(session, before); });
    }

  private:
    ImageId image_ = ImageId::generate();
};

TEST_F(InstanceTest, an_instance_comes_back_with_every_field) {
    Instance instance = new_instance();
    instance.state = InstanceState::terminated;
    instance.state_reason = {.code = "Server.InternalError", .message = "QEMU said 'no'"};
    instance.state_transition_reason = "User initiated";
    instance.architecture = Architecture::arm64;
    instance.virtualization_type = VirtualizationType::paravirtual;
    instance.boot_mode = BootMode::uefi;
    instance.platform = "windows";
    instance.kernel_id = "aki-1";
    instance.ramdisk_id = "ari-1";
    instance.key_name = "k";
    instance.public_key = "ssh-ed25519 AAAA k";
    instance.user_data = "IyEvYmluL3NoCg==";
    instance.shutdown_behavior = ShutdownBehavior::terminate;
    instance.disable_api_termination = true;
    instance.launch_index = 3;
    instance.client_token = "token";
    instance.domain_uuid = "ec200000-0000-4000-8000-000000000000";
    instance.mac_address = "52:54:00:00:00:01";
    instance.terminated = now() + hours(1);
    insert(instance);

    const Instance found =
        read([&](Session& session) { return get_instance(session, scope(), instance.id); });

    EXPECT_EQ(found.id, instance.id);
    EXPECT_EQ(found.owner, instance.owner);
    EXPECT_EQ(found.region, instance.region);
    EXPECT_EQ(found.zone, instance.zone);
    EXPECT_EQ(found.reservation, instance.reservation);
    EXPECT_EQ(found.image, instance.image);
    EXPECT_EQ(found.instance_type, instance.instance_type);
    EXPECT_EQ(found.state, instance.state);
    EXPECT_EQ(found.state_reason.code, instance.state_reason.code);
    EXPECT_EQ(found.state_reason.message, instance.state_reason.message);
    EXPECT_EQ(found.state_transition_reason, instance.state_transition_reason);
    EXPECT_EQ(found.architecture, instance.architecture);
    EXPECT_EQ(found.virtualization_type, instance.virtualization_type);
    EXPECT_EQ(found.boot_mode, instance.boot_mode);
    EXPECT_EQ(found.platform, instance.platform);
    EXPECT_EQ(found.root_device_name, instance.root_device_name);
    EXPECT_EQ(found.kernel_id, instance.kernel_id);
    EXPECT_EQ(found.ramdisk_id, instance.ramdisk_id);
    EXPECT_EQ(found.login_user, instance.login_user);
    EXPECT_EQ(found.key_name, instance.key_name);
    EXPECT_EQ(found.public_key, instance.public_key);
    EXPECT_EQ(found.user_data, instance.user_data);
    EXPECT_EQ(found.shutdown_behavior, instance.shutdown_behavior);
    EXPECT_EQ(found.disable_api_termination, instance.disable_api_termination);
    EXPECT_EQ(found.launch_index, instance.launch_index);
    EXPECT_EQ(found.client_token, instance.client_token);
    EXPECT_EQ(found.domain_uuid, instance.domain_uuid);
    EXPECT_EQ(found.mac_address, instance.mac_address);
    EXPECT_EQ(found.launched, instance.launched);
    EXPECT_EQ(found.terminated, instance.terminated);
}

TEST_F(InstanceTest, an_instance_is_not_found_by_strangers_and_from_other_regions) {
    const Instance mine = insert(new_instance());
    const auto get = [&](const InstanceId& id, const Scope& as) {
        return [this, id, as] {
            read([&](Session& session) { return get_instance(session, as, id); });
        };
    };
    const Scope elsewhere{.owner = scope().owner, .region = "local-2"};

    EXPECT_EQ(error_code_of(get(mine.id, scope())), "");
    EXPECT_EQ(error_code_of(get(mine.id, stranger())), "InvalidInstanceID.NotFound");
    EXPECT_EQ(error_code_of(get(mine.id, elsewhere)), "InvalidInstanceID.NotFound");
    EXPECT_EQ(error_message_of(get(InstanceId("i-00000000000000001"), scope())),
              "The instance ID 'i-00000000000000001' does not exist");
    EXPECT_THAT(listed(stranger(), now()), IsEmpty());
    EXPECT_THAT(listed(elsewhere, now()), IsEmpty());
}

TEST_F(InstanceTest, an_update_writes_every_column_of_that_row_alone) {
    Instance instance = insert(new_instance());
    const Instance other = insert(new_instance());
    instance.state = InstanceState::stopped;
    instance.instance_type = "m5.large";
    instance.user_data = "";
    instance.terminated = now();

    write([&](Session& session) { update_instance(session, instance, now()); });

    const auto changed =
        read([&](Session& session) { return find_instance(session, instance.id); });
    EXPECT_EQ(changed->state, InstanceState::stopped);
    EXPECT_EQ(changed->instance_type, "m5.large");
    EXPECT_EQ(changed->terminated, now());
    const auto kept = read([&](Session& session) { return find_instance(session, other.id); });
    EXPECT_EQ(kept->state, InstanceState::running);
    EXPECT_EQ(kept->terminated, std::nullopt);
}

TEST_F(InstanceTest, listings_keep_the_order_of_launches) {
    Instance second = new_instance();
    second.launch_index = 1;
    Instance first = new_instance();
    first.reservation = second.reservation;
    Instance earlier = new_instance();
    earlier.launched = now() - milliseconds(1);
    insert(second);
    insert(first);
    insert(earlier);

    EXPECT_THAT(listed(scope(), now()), ElementsAre(earlier.id, first.id, second.id));
    EXPECT_THAT(ids_of(read([&](Session& session) {
                    return instances_of_reservation(session, first.reservation);
                })),
                ElementsAre(first.id, second.id));
}

TEST_F(InstanceTest, tombstones_are_listed_for_a_while) {
    const Instance running = insert(new_instance());
    const Instance fresh = insert(terminated_at(now() - milliseconds(1)));
    insert(terminated_at(now() - hours(1)));

    EXPECT_THAT(listed(scope(), now() - hours(1)), UnorderedElementsAre(running.id, fresh.id));
    EXPECT_THAT(ids_of(read(unfinished_instances)), ElementsAre(running.id));
}

TEST_F(InstanceTest, unfinished_instances_are_those_of_all_accounts) {
    Instance foreign = new_instance();
    foreign.owner = stranger().owner;
    foreign.region = "local-2";
    foreign.state = InstanceState::shutting_down;
    insert(foreign);

    EXPECT_THAT(ids_of(read(unfinished_instances)), ElementsAre(foreign.id));
}

TEST_F(InstanceTest, long_terminated_instances_are_forgotten_with_tags_volumes_and_tokens) {
    const Instance old = insert(terminated_at(now() - hours(2)));
    const Instance fresh = insert(terminated_at(now() - milliseconds(1)));
    const Instance running = insert(new_instance());
    Volume deleted = volume();
    deleted.state = VolumeState::deleted;
    deleted.attachment = VolumeAttachment{.instance = old.id,
                                          .device_name = "/dev/sda1",
                                          .state = AttachmentState::detaching,
                                          .delete_on_termination = true,
                                          .attached = now()};
    const auto token_of = [&](const Instance& instance) {
        return ClientToken{.action = "RunInstances",
                           .token = instance.id.str(),
                           .parameters_digest = "d",
                           .resource_id = instance.reservation.str(),
                           .created = now() - hours(3)};
    };
    write([&](Session& session) {
        insert_volume(session, deleted);
        for (const Instance& instance : {old, fresh, running}) {
            set_tags(session, scope(), instance.id.str(), {{"Name", "n"}});
            insert_client_token(session, scope(), token_of(instance));
        }
        set_tags(session, scope(), deleted.id.str(), {{"Name", "n"}});
    });

    forget(now() - hours(1));

    EXPECT_FALSE(is_known(old.id));
    EXPECT_TRUE(is_known(fresh.id));
    EXPECT_TRUE(is_known(running.id));
    const auto tags = read([&](Session& session) { return tags_by_resource(session, scope()); });
    EXPECT_EQ(tags.size(), 2U);
    EXPECT_TRUE(tags.contains(fresh.id.str()));
    EXPECT_TRUE(tags.contains(running.id.str()));
    const auto has_token = [&](const Instance& instance) {
        return read([&](Session& session) {
                   return find_client_token(session, scope(), "RunInstances", instance.id.str(),
                                            "d");
               })
            .has_value();
    };
    EXPECT_FALSE(has_token(old));
    EXPECT_TRUE(has_token(fresh));
    EXPECT_TRUE(has_token(running));
}

TEST_F(InstanceTest, an_instance_is_not_forgotten_while_a_volume_is_attached_to_it) {
    const Instance old = insert(terminated_at(now() - hours(2)));
    const Instance other = insert(terminated_at(now() - hours(2)));
    Volume stuck = volume();
    stuck.state = VolumeState::in_use;
    stuck.attachment = VolumeAttachment{.instance = old.id,
                                        .device_name = "/dev/sdb",
                                        .state = AttachmentState::attached,
                                        .delete_on_termination = false,
                                        .attached = now()};
    write([&](Session& session) { insert_volume(session, stuck); });

    forget(now());

    EXPECT_TRUE(is_known(old.id));
    EXPECT_FALSE(is_known(other.id));
}

}  // namespace

}  // namespace kiln::images
