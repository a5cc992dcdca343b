#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/process.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/integration/builder/builder_fixture.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// One tiny image, built for real, and its disk to look into.
class TinyImage : public tests::BuilderFixture {
  protected:
    TinyImage()
        : id_(builder().build_image(caller(), {.name = "tiny", .recipe = builtin_recipe("tiny")})),
          build_(wait_for_end(id_)) {}

    images::Image image() { return image_of(id_); }
    const ImageBuild& build() const { return build_; }
    images::Snapshot snapshot_of_root() {
        const auto id = image().block_devices.at(0).snapshot;
        return read([&](Session& session) { return images::find_snapshot(session, *id); }).value();
    }
    fs::path disk() { return pool().path_of(*snapshot_of_root().layer); }

    const fs::path& raw_disk() {
        if (raw_disk_.empty()) {
            raw_disk_ = directory() / "disk.raw";
            run_checked({.arguments = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw", disk(),
                                       raw_disk_}});
        }
        return raw_disk_;
    }
    nlohmann::json partition_table() {
        return nlohmann::json::parse(
            run_checked({.arguments = {"sfdisk", "--json", raw_disk()}}))["partitiontable"];
    }
    /// What debugfs answers for the root file system.
    std::string debugfs(const std::string& request) {
        const auto start = partition_table()["partitions"][2]["start"].get<std::uint64_t>();
        return run_checked(
            {.arguments = {"debugfs", "-R", request,
                           raw_disk().string() + "?offset=" + std::to_string(start * 512)}});
    }

    void expect_registered() {
        const images::Image registered = image();
        EXPECT_EQ(registered.state, images::ImageState::available);
        EXPECT_EQ(registered.login_user, "root");
        EXPECT_EQ(registered.root_device_name, "/dev/xvda");
        ASSERT_THAT(registered.block_devices, SizeIs(1));
        EXPECT_EQ(registered.block_devices[0].device_name, "/dev/xvda");
        EXPECT_EQ(registered.block_devices[0].volume_size, Bytes::mebibytes(256));
        EXPECT_EQ(snapshot_of_root().state, images::SnapshotState::completed);
        EXPECT_EQ(snapshot_of_root().volume_size, Bytes::mebibytes(256));
    }
    void expect_small_sound_and_frozen() {
        EXPECT_NO_THROW(images::qemu_img::check(disk()));
        EXPECT_EQ(images::qemu_img::virtual_size(disk()), Bytes::mebibytes(256));
        EXPECT_LT(allocated_size(disk()), Bytes::mebibytes(60));
        EXPECT_EQ(fs::status(disk()).permissions(), fs::perms(0400));
    }
    void expect_boots_through_bios() {
        const std::string start = run_checked({.arguments = {"head", "-c", "2M", raw_disk()}});
        EXPECT_EQ(start.substr(510, 2), "\x55\xaa");
        EXPECT_EQ(start.substr(0x5c, 8), std::string("\0\x08\0\0\0\0\0\0", 8));
        EXPECT_THAT(start.substr(1 << 20), HasSubstr("loading"));
        EXPECT_EQ(partition_table()["partitions"][0]["type"],
                  "21686148-6449-6E6F-744E-656564454649");
    }
    void expect_boots_through_uefi() {
        EXPECT_EQ(partition_table()["partitions"][1]["type"],
                  "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
        EXPECT_THAT(run_checked({.arguments = {"mdir", "-i", raw_disk().string() + "@@2M", "-b",
                                               "::/EFI/BOOT"}}),
                    HasSubstr("BOOTX64.EFI"));
    }
    void expect_whole_without_an_identity() {
        EXPECT_THAT(debugfs("cat /etc/machine-id"), IsEmpty());
        EXPECT_THAT(debugfs("ls -p /etc/dropbear"), Not(HasSubstr("host_key")));
        EXPECT_THAT(debugfs("ls -p /root/.ssh"), Not(HasSubstr("authorized_keys")));
        EXPECT_THAT(debugfs("stat /sbin/init"), HasSubstr("Fast link dest: \"busybox\""));
        EXPECT_THAT(debugfs("stat /usr/sbin/dropbear"), HasSubstr("Mode:  0755"));
        EXPECT_THAT(debugfs("stat /usr/sbin/qemu-ga"), HasSubstr("User:     0   Group:     0"));
        EXPECT_THAT(debugfs("stat /boot/vmlinuz"), HasSubstr("Type: regular"));
        EXPECT_THAT(debugfs("cat /boot/grub/grub.cfg"), HasSubstr("root=UUID="));
    }

  private:
    ImageId id_;
    ImageBuild build_;
    fs::path raw_disk_;
};

// One test, because each would have to build the image again.
TEST_F(TinyImage, is_registered_and_its_disk_boots_both_ways_without_an_identity) {
    ASSERT_EQ(build().state, "available") << build().message;
    EXPECT_EQ(build().percent, 100);
    EXPECT_TRUE(nothing_is_left());
    EXPECT_EQ(open_operations(), 0);

    expect_registered();
    expect_small_sound_and_frozen();
    expect_boots_through_bios();
    expect_boots_through_uefi();
    expect_whole_without_an_identity();
}

}  // namespace

}  // namespace kiln::builder
