#include "builder/import/import_request.hpp"

#include <gmock/gmock.h>

namespace kiln::builder {

namespace {

using ::testing::SizeIs;

TEST(ImportRequest, is_the_same_after_a_restart_of_the_service) {
    const StoredImportRequest request{
        .request = {.disks = {{.source = images::UploadId("upload-0123456789abcdef0"),
                               .format = "VMDK",
                               .sha256 = std::string(64, 'a'),
                               .description = "root",
                               .device_name = "/dev/sda1"},
                              {.source = DiskUrl{"https://example.com/d"}},
                              {.source = images::ObjectName{.bucket = "b", .key = "k/e"}},
                              {.source = SnapshotId("snap-0123456789abcdef0")}},
                    .name = "n",
                    .description = "d",
                    .architecture = images::Architecture::i386,
                    .boot_mode = images::BootMode::uefi,
                    .platform = "windows",
                    .login_user = "u",
                    .task_tags = {{.key = "t", .value = "1"}},
                    .image_tags = {{.key = "i", .value = "2"}},
                    .snapshot_tags = {{.key = "s", .value = "3"}}},
        .loopback = true};

    const StoredImportRequest read = parse_import_request(to_json(request));

    EXPECT_EQ(to_json(read), to_json(request));
    ASSERT_THAT(read.request.disks, SizeIs(4));
    EXPECT_EQ(std::get<images::UploadId>(read.request.disks[0].source).str(),
              "upload-0123456789abcdef0");
    EXPECT_EQ(read.request.disks[0].format, "VMDK");
    EXPECT_EQ(read.request.disks[0].device_name, "/dev/sda1");
    EXPECT_EQ(std::get<DiskUrl>(read.request.disks[1].source).url, "https://example.com/d");
    EXPECT_EQ(std::get<images::ObjectName>(read.request.disks[2].source).key, "k/e");
    EXPECT_EQ(std::get<SnapshotId>(read.request.disks[3].source).str(), "snap-0123456789abcdef0");
    EXPECT_EQ(read.request.architecture, images::Architecture::i386);
    EXPECT_EQ(read.request.boot_mode, images::BootMode::uefi);
    EXPECT_EQ(read.request.task_tags.at(0).value, "1");
    EXPECT_TRUE(read.loopback);
}

TEST(ImportRequest, what_is_left_out_stays_so) {
    const StoredImportRequest read =
        parse_import_request(to_json({.request = {.disks = {{.source = DiskUrl{"http://a/b"}}}}}));
    EXPECT_FALSE(read.request.architecture);
    EXPECT_FALSE(read.request.boot_mode);
    EXPECT_FALSE(read.loopback);
    EXPECT_EQ(read.request.name, "");
}

}  // namespace

}  // namespace kiln::builder
