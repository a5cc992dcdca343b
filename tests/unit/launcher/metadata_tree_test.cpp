#include "launcher/metadata/metadata_tree.hpp"

#include <gmock/gmock.h>

#include "launcher/metadata/instance_metadata.hpp"
#include "tests/golden.hpp"

namespace kiln::launcher {
namespace {

using ::testing::Eq;
using ::testing::Optional;

images::Volume volume(const char* device, const char* virtual_name = "") {
    images::Volume made{.id = VolumeId("vol-00000001"),
                        .owner = AccountId("111122223333"),
                        .attachment = images::VolumeAttachment{
                            .instance = InstanceId("i-0123456789abcdef0"), .device_name = device}};
    made.virtual_name = virtual_name;
    return made;
}

MetadataSubject subject() {
    const AccountId owner("111122223333");
    const Ipv4Address address = parse_ipv4_address("172.31.16.5").value();
    MetadataSubject made{
        .instance = {.id = InstanceId("i-0123456789abcdef0"),
                     .owner = owner,
                     .region = "local-1",
                     .zone = "local-1b",
                     .reservation = ReservationId("r-0123456789abcdef0"),
                     .image = ImageId("ami-0123456789abcdef0"),
                     .instance_type = "t3.small",
                     .architecture = images::Architecture::x86_64,
                     .root_device_name = "/dev/xvda",
                     .key_name = "my-key",
                     .public_key = "ssh-ed25519 AAAA my-key",
                     .launch_index = 1,
                     .launched = parse_time("2026-11-26T10:44:16.123Z").value()},
        .interface = {.id = NetworkInterfaceId("eni-0123456789abcdef0"),
                      .owner = owner,
                      .region = "local-1",
                      .zone = "local-1b",
                      .subnet = SubnetId("subnet-0123456789abcdef0"),
                      .instance = InstanceId("i-0123456789abcdef0"),
                      .address = address,
                      .mac_address = "02:00:ac:1f:10:05",
                      .groups = {SecurityGroupId("sg-00000001"), SecurityGroupId("sg-00000002")}},
        .vpc = {.id = VpcId("vpc-0123456789abcdef0"),
                .region = "local-1",
                .identity = "0a1b2c",
                .range = parse_ipv4_range("172.31.0.0/16").value()},
        .subnet = {.id = SubnetId("subnet-0123456789abcdef0"),
                   .vpc = VpcId("vpc-0123456789abcdef0"),
                   .range = parse_ipv4_range("172.31.16.0/20").value()},
        .group_names = {"default", "web"},
        .volumes = {volume("/dev/sdb", "ephemeral0"), volume("/dev/sdf"), volume("/dev/xvda")},
        .ancestors = {ImageId("ami-00000001"), ImageId("ami-00000002")},
        .tags = {{.key = "Name", .value = "web 1"}, {.key = "a/b", .value = "hidden"}}};
    made.instance.metadata.has_tags = true;
    return made;
}

std::string text_of(const MetadataTree& tree) {
    std::string text;
    for (const auto& [path, value] : tree)
        text += path + ": " + value + "\n";
    return text;
}

TEST(MetadataTree, tells_an_instance_all_about_itself) {
    tests::expect_golden("metadata_tree.txt", text_of(metadata_tree(subject())));
}

TEST(MetadataTree, tags_are_told_where_the_instance_was_allowed_them) {
    MetadataSubject without = subject();
    without.instance.metadata.has_tags = false;
    EXPECT_EQ(look_up(metadata_tree(without), "tags/"), std::nullopt);
    EXPECT_THAT(look_up(metadata_tree(subject()), "tags/instance"), Optional(Eq("Name")));
}

TEST(MetadataTree, an_instance_without_a_key_has_no_public_keys) {
    MetadataSubject without = subject();
    without.instance.public_key = "";
    EXPECT_EQ(look_up(metadata_tree(without), "public-keys/"), std::nullopt);
}

struct LookUp {
    const char* path;
    std::optional<std::string> found;
};

TEST(MetadataTree, directories_list_what_is_in_them) {
    const MetadataTree tree = metadata_tree(subject());
    const std::string mac = "02:00:ac:1f:10:05";
    for (const LookUp& look :
         {LookUp{"instance-id", "i-0123456789abcdef0"}, LookUp{"instance-id/", std::nullopt},
          LookUp{"placement", "availability-zone\nregion"},
          LookUp{"placement/", "availability-zone\nregion"}, LookUp{"place", std::nullopt},
          LookUp{"network/interfaces/macs/", mac + "/"}, LookUp{"public-keys/", "0=my-key"},
          LookUp{"public-keys/0/", "openssh-key"}, LookUp{"public-keys/1/", std::nullopt},
          LookUp{"block-device-mapping/", "ami\nebs1\nephemeral0\nroot"},
          LookUp{"nothing", std::nullopt}, LookUp{"../user-data", std::nullopt}}) {
        EXPECT_EQ(look_up(tree, look.path), look.found) << look.path;
    }
    EXPECT_TRUE(look_up(tree, "")->starts_with("ami-id\nami-launch-index\n"));
}

TEST(IdentityDocument, has_ec2s_layout) {
    tests::expect_golden("identity_document.json", identity_document(subject()) + "\n");
}

}  // namespace
}  // namespace kiln::launcher
